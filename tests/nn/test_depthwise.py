from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.nn.depthwise import (
    closed_depthwise_kernel_gradient,
    depthwise_conv,
    grouped,
    sum_of_shifts,
    sums_of_products,
)

SETTINGS = settings(deadline=None, max_examples=8, derandomize=True)


def draw(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


@SETTINGS
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 6)), kernel=st.sampled_from([(3, 3), (1, 5)])
)
def test_shifts_equal_a_grouped_convolution_and_its_gradient(size, kernel):
    x, w, g = draw(*size, 3), draw(*kernel, 3), draw(2, *size, 3)[0]

    def both_ways(x, w, g):
        convolved, pull = jax.vjp(partial(grouped, x), w)
        return sum_of_shifts(x, w), sums_of_products(x, g, kernel), convolved, pull(g)[0]

    with jax.enable_x64(True):
        shifted, products, convolved, pulled = jax.jit(both_ways)(x, w, g)
        np.testing.assert_allclose(shifted, convolved, atol=1e-12)
        np.testing.assert_allclose(products, pulled, atol=1e-12)


def test_every_second_derivative_is_that_of_a_grouped_convolution():
    x, w = draw(2, 4, 5, 3), draw(3, 3, 3)

    def curvature(conv, x, w):
        slope = lambda x, w: sum((part**2).sum() for part in jax.grad(lambda *a: (conv(*a) ** 2).sum(), (0, 1))(x, w))
        return jax.grad(slope, (0, 1))(x, w)

    with jax.enable_x64(True):
        ours, theirs = (jax.jit(partial(curvature, conv))(x, w) for conv in (depthwise_conv, grouped))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9), ours, theirs)


def test_it_is_grouped_on_an_accelerator_and_shifts_on_a_cpu():
    operands = jax.ShapeDtypeStruct((1, 8, 8, 4), "float32"), jax.ShapeDtypeStruct((3, 3, 4), "float32")
    lowered = {
        platform: jax.jit(depthwise_conv).trace(*operands).lower(lowering_platforms=(platform,)).as_text()
        for platform in ("cpu", "cuda")
    }
    assert {platform: "convolution" in program for platform, program in lowered.items()} == {"cpu": False, "cuda": True}


def test_low_precision_is_summed_in_float32():
    x = np.ones((1, 64, 64, 1), "bfloat16")
    assert closed_depthwise_kernel_gradient(x, x, (1, 1)).item() == 64 * 64


@pytest.mark.parametrize(
    ("kernel", "words"),
    [((2, 3, 4), "kernel of 2x3: both sides must be odd"), ((3, 3, 5), "4 channels and 5 depthwise kernels")],
)
def test_wrong_kernels_are_refused(kernel, words):
    with pytest.raises(ValueError, match=words):
        depthwise_conv(np.zeros((1, 4, 4, 4)), np.zeros(kernel))
