from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxgen.nn import lowerings
from jaxgen.nn.convolution import conv, conv_input_gradient, conv_kernel_gradient, output_size

# x's size, channels in and out, kernel, stride, padding
CASES = {
    "dcgan": ((8, 8), 6, 5, (4, 4), 2, "SAME"),
    "one channel": ((8, 8), 1, 4, (4, 4), 2, "SAME"),
    "odd, strided": ((9, 7), 3, 4, (3, 3), 2, ((1, 1), (1, 1))),
    "odd, strided, same": ((7, 9), 3, 2, (3, 3), 2, "SAME"),
    "strided, valid": ((8, 9), 2, 3, (3, 4), 2, "VALID"),
    "flat": ((7, 6), 3, 4, (3, 3), 1, "SAME"),
    "flat, valid": ((7, 6), 3, 4, (3, 2), 1, "VALID"),
    "pointwise": ((5, 4), 3, 2, (1, 1), 1, "VALID"),
    "pointwise, strided": ((5, 4), 3, 2, (1, 1), 2, "VALID"),
    "image": ((8, 6), 3, 4, (4, 4), 2, "SAME"),
    "stride three": ((10, 11), 2, 3, (5, 4), 3, ((2, 1), (0, 3))),
}
DTYPES = {"float64": 1e-11, "float32": 2e-4, "bfloat16": 0.05}


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=["as chosen", "lowered wherever possible"])
def lowered(request, monkeypatch):
    if request.param != "as chosen":
        for name, value in {"MAX_IMAGE_CHANNELS": 100, "MIN_WINOGRAD_CHANNELS": 1, "MIN_WINOGRAD_TILES": 1}.items():
            monkeypatch.setattr(lowerings, name, value)


def reference(stride, padding):
    return lambda x, w: lax.conv_general_dilated(
        x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def draw(seed, size, channels, features, kernel, stride, padding, batch=2):
    """Images, kernel, output's gradient, and the padding in pixels."""
    if isinstance(padding, str):
        padding = tuple(lax.padtype_to_pads(size, kernel, (stride, stride), padding))
    random = np.random.default_rng(seed)
    x = random.normal(size=(batch, *size, channels))
    w = random.normal(size=(*kernel, channels, features))
    g = random.normal(size=(batch, *output_size(size, kernel, stride, padding), features))
    return x, w, g, padding


def close(actual, target, dtype="float64"):
    actual, target = np.asarray(actual, np.float64), np.asarray(target, np.float64)
    np.testing.assert_allclose(actual, target, rtol=0, atol=DTYPES[dtype] * max(np.abs(target).max(), 1e-3))


@cache
def output_and_gradients_of_lax(case):
    stride = case[4]
    x, w, g, padding = draw(0, *case)

    def compute(x, w, g):
        y, pull = jax.vjp(reference(stride, padding), x, w)
        return y, *pull(g)

    return jax.device_get(jax.jit(compute)(x, w, g))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_all_three_equal_the_derivatives_of_lax(case, dtype, lowered):
    stride = case[4]
    x, w, g, padding = draw(0, *case)

    def ours(x, w, g):
        return (
            conv(x, w, stride, padding),
            conv_input_gradient(g, w, stride, padding, x.shape[1:3]),
            conv_kernel_gradient(x, g, stride, padding, w.shape[:2]),
        )

    actual = jax.jit(ours)(*(a.astype(dtype) for a in (x, w, g)))
    for one, target in zip(actual, output_and_gradients_of_lax(case), strict=True):
        assert one.dtype == dtype
        close(one, target, dtype)


def first_and_second_derivatives(f, x, w):
    """Returns the gradients of a function of f, and of the squares of its slopes by x and by w."""
    value = lambda x, w: (jnp.tanh(f(x, w)) ** 2).sum()
    slope = lambda argument: lambda x, w: (jax.grad(value, argument)(x, w) ** 2).sum()
    compute = jax.jit(lambda x, w: [jax.grad(h, (0, 1))(x, w) for h in (value, slope(0), slope(1))])
    return jax.tree.leaves(jax.device_get(compute(x, w)))


@cache
def derivatives_of_lax(case):
    x, w, _, padding = draw(1, *case)
    return first_and_second_derivatives(reference(case[4], padding), x, w)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_first_and_second_derivatives_equal_those_of_lax(case, lowered):
    x, w, _, padding = draw(1, *case)
    ours = first_and_second_derivatives(lambda x, w: conv(x, w, case[4], padding), x, w)
    for one, target in zip(ours, derivatives_of_lax(case), strict=True):
        close(one, target)


def test_third_derivative_is_closed_too():
    x, w, _, padding = draw(2, (5, 5), 2, 2, (3, 3), 2, "SAME", batch=1)

    def third(f, w):
        first = lambda w: jax.grad(lambda x: (jnp.tanh(f(x, w)) ** 2).sum())(x)
        second = jax.grad(lambda w: (first(w) ** 3).sum())
        return jax.grad(lambda w: (second(w) ** 2).sum())(w)

    close(*jax.jit(lambda w: (third(lambda x, w: conv(x, w, 2, padding), w), third(reference(2, padding), w)))(w))


@settings(deadline=None, max_examples=20, derandomize=True)
@given(
    size=st.tuples(st.integers(4, 7), st.integers(4, 7)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    padding=st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
    channels=st.sampled_from([(1, 3), (3, 2), (4, 4)]),
)
def test_adjoint_identity(size, kernel, stride, padding, channels):
    with jax.enable_x64(True):
        x, w, g, padding = draw(3, size, *channels, kernel, stride, padding)

    def products(x, w, g):
        y = reference(stride, padding)(x, w)
        ours = (
            (conv(x, w, stride, padding) * g).sum(),
            (x * conv_input_gradient(g, w, stride, padding, size)).sum(),
            (w * conv_kernel_gradient(x, g, stride, padding, kernel)).sum(),
        )
        return ours, (y * g).sum(), 1 + jnp.linalg.norm(g) * jnp.linalg.norm(y)

    with jax.enable_x64(True):
        ours, target, scale = jax.jit(products)(x, w, g)
    np.testing.assert_allclose(ours, target, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("case", ["dcgan", "one channel", "flat"])
@pytest.mark.parametrize("axes", [(0, 0), (None, 0), (0, None)])
def test_vmap_is_a_loop(case, axes, lowered):
    case = CASES[case]
    stride = case[4]
    members = [draw(seed, *case) for seed in range(3)]
    padding = members[0][3]
    x, w, g = (np.stack([member[i] for member in members]) for i in range(3))

    def both_ways(a, b, f):
        mapped = jax.vmap(f, axes)(a if axes[0] == 0 else a[0], b if axes[1] == 0 else b[0])
        looped = [f(a[i * (axes[0] == 0)], b[i * (axes[1] == 0)]) for i in range(3)]
        return mapped, jnp.stack(looped)

    def compute(x, w, g):
        return (
            both_ways(x, w, lambda x, w: conv(x, w, stride, padding)),
            both_ways(g, w, lambda g, w: conv_input_gradient(g, w, stride, padding, x.shape[2:4])),
            both_ways(x, g, lambda x, g: conv_kernel_gradient(x, g, stride, padding, w.shape[1:3])),
        )

    for mapped, looped in jax.jit(compute)(x, w, g):
        close(mapped, looped)


def test_gradient_descent_inside_scan_equals_a_loop(lowered):
    x, w, _, padding = draw(4, *CASES["dcgan"])
    step = lambda w, x: (w - 0.01 * jax.grad(lambda w: (conv(x, w, 2, padding) ** 2).mean())(w), None)
    images = np.stack([x, 2 * x, -x])
    scanned, _ = jax.jit(lambda w, images: lax.scan(step, w, images))(w, images)
    compiled_step = jax.jit(step)
    for image in images:
        w, _ = compiled_step(w, image)
    close(scanned, w)


def test_forward_mode_is_refused():
    x, w, _, padding = draw(5, *CASES["dcgan"])
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: conv(x, w, 2, padding), (x,), (x,))


NONE = ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w, g: conv(x[..., :2], w, 1, NONE), "the image has 2 channels and the kernel takes 3"),
        (lambda x, w, g: conv(x[:, :1], w, 1, NONE), "a 3x2 kernel does not fit an image of 1x6"),
        (lambda x, w, g: conv_input_gradient(g[..., :1], w, 1, NONE, (7, 6)), "the gradient has 1 channels"),
        (lambda x, w, g: conv_input_gradient(g, w, 1, NONE, (8, 6)), "makes 6x5 of an image of 8x6 .* has 5x5"),
        (lambda x, w, g: conv_kernel_gradient(x, g, 2, NONE, (3, 2)), "makes 3x3 of an image of 7x6 .* has 5x5"),
        (lambda x, w, g: conv_kernel_gradient(x[:1], g, 1, NONE, (3, 2)), "1 images and 2 gradients"),
    ],
)
def test_inconsistent_operands_are_named_in_one_line(call, message):
    x, w, g, _ = draw(6, *CASES["flat, valid"])
    with pytest.raises(ValueError, match=message) as error:
        call(x, w, g)
    assert "\n" not in str(error.value)
