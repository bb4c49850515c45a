import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.losses import penalties

SHAPE = (4, 3, 5, 2)
REAL, FAKE = np.random.default_rng(0).uniform(-1, 1, (2, *SHAPE)).astype(np.float32)
KEY = jax.random.key(0)
sums = lambda x: x.reshape(len(x), -1).sum(1)
# Each is one program for all tests with the same shapes.
linear_penalty = jax.jit(
    lambda weights, target: penalties.gradient_penalty(lambda x: sums(x * weights) + 3, REAL, FAKE, KEY, target)
)
scaled_penalty = jax.jit(
    jax.value_and_grad(lambda scale: penalties.gradient_penalty(lambda x: scale * sums(x), REAL, FAKE, KEY).sum())
)
penalty_of_squares = jax.jit(
    lambda real, fake, key: penalties.gradient_penalty(lambda x: sums(x**2) / 2, real, fake, key, 0.0)
)
orthogonality = jax.jit(penalties.orthogonality)


@settings(deadline=None, max_examples=25)
@given(slope=st.floats(0, 30, width=32), target=st.floats(0, 3, width=32), seed=st.integers(0, 2**31 - 1))
def test_a_linear_critic_pays_its_distance_from_the_target_slope(slope, target, seed):
    direction = np.random.default_rng(seed).normal(size=SHAPE[1:]).astype(np.float32)
    weights = np.float32(slope) * direction / np.linalg.norm(direction)
    penalty = linear_penalty(weights, target)
    assert penalty.shape == (4,)
    np.testing.assert_allclose(penalty, (slope - target) ** 2, rtol=1e-5, atol=1e-6 * (1 + slope * slope))


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-19, 1e-18, 1e-6])
def test_the_gradient_of_the_penalty_is_finite_where_the_slope_vanishes(scale):
    value, gradient = map(float, scaled_penalty(np.float32(scale)))
    # (√30 s − 1)² for each of four images; 0 stands for its slope where single precision cannot hold s².
    expected = -8 * np.sqrt(30)
    assert value == pytest.approx(4, rel=1e-4)
    assert gradient == pytest.approx(expected, rel=1e-4) or (scale < 1e-18 and gradient == 0)


def test_r1_of_a_quadratic_critic(computed):
    matrix = np.random.default_rng(1).normal(size=(30, 30)).astype(np.float32)
    critic = lambda x: ((x.reshape(4, 30) @ matrix) ** 2).sum(1) / 2
    expected = ((REAL.reshape(4, 30) @ matrix @ matrix.T) ** 2).sum(1)
    np.testing.assert_allclose(computed(lambda x: penalties.zero_centered(critic, x), REAL), expected, rtol=1e-4)


def spread(x):
    """A critic without slope on images that are one flat colour, and only on those."""
    return sums((x - x.mean((1, 2, 3), keepdims=True)) ** 2)


def test_every_pixel_of_an_image_has_the_same_weight(computed):
    white, black = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    penalty = computed(lambda *ends: penalties.gradient_penalty(spread, *ends, KEY, 0.0), white, black)
    np.testing.assert_allclose(penalty, 0, atol=1e-10)


def weights(key, count, real=1.0, fake=0.0):
    """What gradient_penalty interpolates with, read off a critic whose slope at x is x."""
    ends = (np.full((count, 2, 2, 1), end, np.float32) for end in (real, fake))
    return np.sqrt(penalty_of_squares(*ends, key)) / 2


def test_weights_are_uniform_and_differ_between_examples():
    sample = weights(KEY, 4000)
    quantiles = np.quantile(sample, np.linspace(0, 1, 11))
    np.testing.assert_allclose(quantiles, np.linspace(0, 1, 11), atol=0.03)


def test_a_weight_depends_on_its_example_alone():
    keys = jax.random.split(KEY, 6)
    np.testing.assert_array_equal(weights(KEY, 6)[:3], weights(KEY, 3))
    np.testing.assert_array_equal(weights(keys, 6)[3:], weights(keys[3:], 3))


def test_ends_are_the_real_and_the_generated_image():
    np.testing.assert_allclose(weights(KEY, 6, real=0.0, fake=1.0), 1 - weights(KEY, 6), rtol=1e-5)


@jax.custom_vjp
def product(x, w):
    return x @ w


product.defvjp(
    lambda x, w: (product(x, w), (x, w)),
    lambda saved, g: (product(g, saved[1].T), product(saved[0].T, g)),
)


@pytest.mark.parametrize(
    "penalty",
    [
        lambda critic: penalties.gradient_penalty(critic, REAL, FAKE, KEY),
        lambda critic: penalties.zero_centered(critic, REAL),
    ],
)
def test_critics_of_custom_vjp_functions_have_second_derivatives(penalty):
    """Such functions refuse forward mode, which would be the other way to a second derivative."""
    rng = np.random.default_rng(2)
    params = rng.normal(size=(30, 8)).astype(np.float32), rng.normal(size=(8, 1)).astype(np.float32)

    def loss(params, dot):
        critic = lambda x: dot(jnp.tanh(dot(x.reshape(4, 30), params[0])), params[1])[:, 0]
        return penalty(critic).mean()

    closed, plain = (jax.jit(jax.grad(lambda p, dot=dot: loss(p, dot)))(params) for dot in (product, jnp.matmul))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), closed, plain)


def test_agrees_with_pytorch_in_value_and_in_the_gradient_of_the_parameters():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    params = [rng.normal(size=shape).astype(np.float32) for shape in ((30, 16), (16,), (16, 1))]

    def loss(params):
        w1, b1, w2 = params
        critic = lambda x: (jnp.tanh(x.reshape(4, 30) @ w1 + b1) @ w2)[:, 0]
        return penalties.gradient_penalty(critic, REAL, FAKE, KEY).mean()

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)

    u = weights(KEY, 4).reshape(4, 1, 1, 1)
    w1, b1, w2 = tensors = [torch.tensor(p, requires_grad=True) for p in params]
    x = torch.tensor(u * REAL + (1 - u) * FAKE, requires_grad=True)
    logits = (torch.tanh(x.reshape(4, 30) @ w1 + b1) @ w2)[:, 0]
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    expected = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    assert float(value) == pytest.approx(expected.item(), rel=1e-4)
    for ours, theirs in zip(gradient, torch.autograd.grad(expected, tensors), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("given", "kept"), [("bfloat16", "float32"), ("float64", "float64")])
def test_precision_is_that_of_the_images_and_at_least_single(given, kept):
    with jax.enable_x64(True):
        images = jax.ShapeDtypeStruct(SHAPE, given)
        penalty = jax.eval_shape(lambda *ends: penalties.gradient_penalty(sums, *ends, KEY), images, images)
        assert penalty.dtype == kept
        assert jax.eval_shape(lambda real: penalties.zero_centered(sums, real), images).dtype == kept


def test_images_and_generated_images_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="differ: give arrays of one shape"):
        penalties.gradient_penalty(sums, REAL, FAKE[:1], KEY)


def test_clipping_keeps_weights_inside_and_their_dtypes():
    params = {"kernel": np.float32([-2.0, 0.005, 3.0]), "bias": np.array([0.5, -0.001], jnp.bfloat16)}
    clipped = jax.jit(penalties.clip_weights)(params, np.float32(0.01))
    np.testing.assert_allclose(clipped["kernel"], [-0.01, 0.005, 0.01], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(clipped["bias"], np.float32), [0.01, -0.001], rtol=1e-2)
    assert clipped["bias"].dtype == jnp.bfloat16


def test_orthogonality_is_the_squared_products_of_different_filters():
    params = {
        "conv": {"kernel": np.random.default_rng(0).normal(size=(3, 3, 2, 5)).astype("f"), "bias": np.ones(5, "f")},
        "gamma": np.float32(2),
    }
    filters = params["conv"]["kernel"].reshape(18, 5).T
    expected = sum(float(filters[i] @ filters[j]) ** 2 for i in range(5) for j in range(5) if i != j)
    np.testing.assert_allclose(orthogonality(params), expected, rtol=1e-5)


def test_filters_at_right_angles_cost_nothing_whatever_their_length():
    kernel = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 4)))[0].astype("f") * np.float32([1, 2, 30, 0.1])
    np.testing.assert_allclose(orthogonality({"kernel": kernel}), 0, atol=1e-6)
    assert penalties.orthogonality({"bias": np.ones(3, "f")}) == 0


def test_filters_of_a_transposed_convolution_are_its_outputs(computed):
    # Three filters at right angles over two inputs of 2×2, as (height, width, filters, inputs).
    filters = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 3)))[0].astype("f").reshape(2, 2, 2, 3)
    params = {"up": {"image": {"kernel": filters.swapaxes(2, 3)}}}
    right, wrong = (
        computed(lambda params, transposed=transposed: penalties.orthogonality(params, transposed), params)
        for transposed in ({("up", "image")}, {("image",)})
    )
    np.testing.assert_allclose(right, 0, atol=1e-6)
    assert wrong > 1e-3
