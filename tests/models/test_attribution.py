import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.models import attribution
from jaxgen.models.layers import Conv, Dense

IMAGES = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)), jnp.float32)


class Net(nn.Module):
    """Two convolutions, of which the second leaves a map; then the mean of its channels, weighted."""

    @nn.compact
    def __call__(self, x):
        x = jax.nn.relu(Conv(4, name="first")(x))
        x = Conv(2, 4, stride=2, name="second")(x)
        return (x.mean((1, 2)) * jnp.array([3.0, -1.0])).sum(-1)


class Flat(nn.Module):
    @nn.compact
    def __call__(self, x):
        return Dense(1, name="dense")(x.reshape(len(x), -1))[:, 0]


@pytest.fixture(scope="module")
def score():
    variables = Net().init(jax.random.key(0), IMAGES)
    return lambda images: Net().apply(variables, images)


def test_saliency_of_a_linear_score_is_its_largest_weight():
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(8, 8, 3)), jnp.float32)
    found = attribution.saliency(lambda images: (images * weights).sum((1, 2, 3)), IMAGES)
    np.testing.assert_allclose(found, np.broadcast_to(abs(weights).max(-1), (2, 8, 8)), rtol=1e-6)


def test_the_last_convolution_with_places_is_found(score):
    assert attribution.last_maps(score, IMAGES) == ("second",)


def test_places_are_the_weighted_maps_as_the_paper_has_them(score):
    found = attribution.grad_cam(score, IMAGES, ("second",))
    maps = attribution.through(score, IMAGES, ("second",))[1]
    # ∂ score / ∂ A is the channel's weight over the number of places.
    combined = np.maximum(np.asarray(maps) @ np.array([3.0, -1.0]) / 16, 0)
    expected = np.asarray(jax.image.resize(combined, (2, 8, 8), "linear"))
    np.testing.assert_allclose(found, expected / expected.max((1, 2), keepdims=True), rtol=1e-4, atol=1e-6)
    assert found.max() == 1 and found.min() >= 0


def test_the_network_is_left_as_it_is(score):
    before = score(IMAGES)
    attribution.grad_cam(score, IMAGES, ("first",))
    np.testing.assert_array_equal(score(IMAGES), before)


def test_an_image_that_nothing_speaks_for_has_no_places(score):
    found = attribution.grad_cam(lambda images: 0.0 * score(images), IMAGES, ("second",))
    np.testing.assert_array_equal(found, 0)


def test_it_is_compiled_as_any_function(score):
    compiled = jax.jit(lambda images: attribution.grad_cam(score, images, attribution.last_maps(score, images)))
    np.testing.assert_allclose(compiled(IMAGES), attribution.grad_cam(score, IMAGES, ("second",)), atol=1e-6)


def test_where_there_is_no_convolution_that_is_told(score):
    variables = Flat().init(jax.random.key(0), IMAGES)
    with pytest.raises(ValueError, match="no convolution in this network"):
        attribution.last_maps(lambda images: Flat().apply(variables, images), IMAGES)
    with pytest.raises(ValueError, match="no convolution at third"):
        attribution.grad_cam(score, IMAGES, ("third",))
