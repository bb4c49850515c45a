from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.nn import lowerings
from jaxgen.nn.lowerings import output_size

SETTINGS = settings(deadline=None, max_examples=12, derandomize=True)
paddings = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)
sizes = st.tuples(st.integers(4, 7), st.integers(4, 7))


def draw(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


def close(ours, direct, *operands):
    with jax.enable_x64(True):
        np.testing.assert_allclose(*jax.jit(lambda *a: (ours(*a), direct(*a)))(*operands), atol=1e-12)


@SETTINGS
@given(size=sizes, kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)), stride=st.integers(1, 3), padding=paddings)
def test_sum_of_shifted_products_equals_a_dilated_convolution(size, kernel, stride, padding):
    w = draw(1, *kernel, 3, 2)[0]
    g = draw(2, *output_size(size, kernel, stride, padding), 2)
    options = {"stride": stride, "padding": padding, "size": size}
    direct = partial(lowerings.direct_input_gradient, **options)
    close(partial(lowerings.sum_of_shifted_products, **options), direct, g, w)


@SETTINGS
@given(size=sizes, padding=st.tuples(*[st.tuples(st.integers(-1, 2), st.integers(-1, 2))] * 2))
def test_winograd_equals_a_direct_convolution(size, padding):
    size = tuple(side + 1 for side in size)
    x, w = draw(2, *size, 3), draw(3, 3, 3, 2)
    direct = partial(lowerings.direct_forward, stride=1, padding=padding)
    close(partial(lowerings.winograd, padding=padding), direct, x, w)


@SETTINGS
@given(size=sizes, kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)), padding=paddings)
def test_a_mirrored_kernel_gradient_equals_a_direct_one(size, kernel, padding):
    x, g = draw(2, *size, 3), draw(2, *output_size(size, kernel, 1, padding), 2)
    direct = partial(lowerings.direct_kernel_gradient, stride=1, padding=padding, kernel=kernel)
    close(partial(lowerings.mirrored_kernel_gradient, padding=padding, kernel=kernel), direct, x, g)


@pytest.mark.parametrize(("outputs", "platform", "mirrored"), [(6, "cpu", True), (7, "cpu", False), (6, "cuda", False)])
def test_few_outputs_mirror_the_kernels_gradient_on_a_cpu(outputs, platform, mirrored):
    shapes = (2, 8, 8, 24), (2, 8, 8, outputs)
    lowered = program((partial(lowerings.kernel_gradient, stride=1, padding=ONE, kernel=(3, 3)), *shapes), platform)
    assert ("stablehlo.reverse" in lowered) == mirrored


def test_winograd_is_as_accurate_as_a_direct_convolution(computed):
    x, w = draw(4, 8, 8, 64), draw(3, 3, 64, 64)
    padding = ((1, 1), (1, 1))
    with jax.enable_x64(True):
        exact = computed(lambda x, w: lowerings.direct_forward(x, w, 1, padding), x, w)
    single = computed(lambda x, w: lowerings.winograd(x, w, padding), x.astype("f"), w.astype("f"))
    assert np.sqrt(np.mean((single - exact) ** 2) / np.mean(exact**2)) < 1e-6


ONE = ((1, 1), (1, 1))
LOWERED = {
    "an image's gradient": (
        partial(lowerings.input_gradient, stride=2, padding=ONE, size=(32, 32)),
        (64, 16, 16, 64),
        (4, 4, 3, 64),
    ),
    "a wide 3x3 layer": (partial(lowerings.forward, stride=1, padding=ONE), (16, 40, 40, 64), (3, 3, 64, 64)),
    "its gradient": (
        partial(lowerings.input_gradient, stride=1, padding=ONE, size=(40, 40)),
        (16, 40, 40, 64),
        (3, 3, 64, 64),
    ),
}
DIRECT = {
    "a strided layer": (partial(lowerings.forward, stride=2, padding=ONE), (64, 16, 16, 64), (4, 4, 64, 128)),
    "a large image's gradient": (
        partial(lowerings.input_gradient, stride=2, padding=ONE, size=(1024, 1024)),
        (16, 512, 512, 64),
        (4, 4, 3, 64),
    ),
    "large wide images": (partial(lowerings.forward, stride=1, padding=ONE), (16, 512, 512, 64), (3, 3, 64, 64)),
}


def program(case, platform, dtype="float32"):
    function, *shapes = case
    operands = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    return jax.jit(function).trace(*operands).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("case", LOWERED.values(), ids=LOWERED)
def test_layers_are_matrix_products_on_a_cpu_only(case):
    assert "stablehlo.convolution" not in program(case, "cpu")
    for platform in ("cuda", "tpu"):
        assert "stablehlo.convolution" in program(case, platform)
        assert "stablehlo.dot_general" not in program(case, platform)


@pytest.mark.parametrize("case", DIRECT.values(), ids=DIRECT)
def test_other_and_larger_layers_are_direct(case):
    assert "stablehlo.convolution" in program(case, "cpu")
    assert "stablehlo.dot_general" not in program(case, "cpu")


@pytest.mark.parametrize("case", LOWERED.values(), ids=LOWERED)
def test_low_precision_is_direct(case):
    assert "stablehlo.convolution" in program(case, "cpu", "bfloat16")
