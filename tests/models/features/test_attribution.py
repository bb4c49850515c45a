import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.models.features import attribution, classifier
from jaxgen.models.gan import conv_gan, dcgan, dcgan_deep_stem, growing, mlp, r3gan, resnet
from jaxgen.nn.layers import BatchNorm, Conv, Dense, Maps

IMAGES = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)


class Net(nn.Module):
    """Two convolutions, of which the second leaves maps; then the mean of its channels, weighted."""

    @nn.compact
    def __call__(self, x):
        x = Maps(name="first")(jax.nn.relu(Conv(4, name="conv_0")(x)))
        x = BatchNorm(name="norm")(Conv(2, 4, stride=2, name="conv_1")(x), False)
        x = Maps(name="second")(jax.nn.relu(x))
        one_pixel = Maps(name="third")(x.mean((1, 2), keepdims=True))
        return (one_pixel * jnp.array([3.0, -1.0])).sum((1, 2, 3))


class Flat(nn.Module):
    @nn.compact
    def __call__(self, x):
        return Dense(1, name="dense")(x.reshape(len(x), -1))[:, 0]


@pytest.fixture(scope="module")
def variables():
    return jax.device_get(jax.jit(Net().init)(jax.random.key(0), IMAGES))


@pytest.fixture(scope="module")
def score(variables):
    return lambda images: Net().apply(variables, images)


def test_saliency_of_a_linear_score_is_its_largest_weight(computed):
    weights = np.random.default_rng(1).normal(size=(8, 8, 3)).astype(np.float32)
    linear = lambda images: (images * weights).sum((1, 2, 3))
    found = computed(lambda images: attribution.saliency(linear, images), IMAGES)
    np.testing.assert_allclose(found, np.broadcast_to(abs(weights).max(-1), (2, 8, 8)), rtol=1e-6)


def test_the_last_maps_with_places_are_found(score):
    assert attribution.last_feature_map(score, IMAGES) == ("second",)


def test_places_are_the_weighted_maps_as_the_paper_has_them(score, computed):
    found = computed(lambda images: attribution.grad_cam(score, images, ("second",)), IMAGES)
    maps = computed(lambda images: attribution.score_and_maps(score, images, ("second",))[1], IMAGES)
    # ∂ score / ∂ A is the channel's weight over the number of places.
    combined = np.maximum(np.asarray(maps) @ np.array([3.0, -1.0]) / 16, 0)
    expected = computed(lambda maps: jax.image.resize(maps, (2, 8, 8), "linear"), combined)
    np.testing.assert_allclose(found, expected / expected.max((1, 2), keepdims=True), rtol=1e-4, atol=1e-6)
    assert found.max() == 1 and found.min() >= 0


def test_what_a_norm_takes_away_changes_no_place(variables, score, computed):
    shift = np.float32([5.0, 0.0])
    params, stats = variables["params"], variables["batch_stats"]
    conv, norm = params["conv_1"], stats["norm"]
    moved = {
        "params": params | {"conv_1": conv | {"bias": conv["bias"] + shift}},
        "batch_stats": stats | {"norm": norm | {"mean": norm["mean"] + shift}},
    }
    other = lambda images: Net().apply(moved, images)
    np.testing.assert_allclose(computed(other, IMAGES), computed(score, IMAGES), atol=1e-5)
    places = [
        computed(lambda x, f=f: attribution.grad_cam(f, x, attribution.last_feature_map(f, x)), IMAGES)
        for f in (score, other)
    ]
    np.testing.assert_allclose(*places, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "size", "path"),
    [
        (dcgan.Discriminator(width=2), 28, ("maps",)),
        (dcgan_deep_stem.Discriminator(width=2), 128, ("maps",)),
        (conv_gan.Discriminator(2), 28, ("maps",)),
        (resnet.Critic(width=2), 28, ("maps",)),
        (r3gan.Discriminator(width=2), 28, ("maps",)),
        (growing.Critic(width=2), 28, ("maps",)),
        (classifier.Classifier(), 28, ("trunk", "maps_2")),
        (classifier.Classifier(), 18, ("trunk", "maps_1")),
        (mlp.Discriminator(), 28, None),
    ],
)
def test_every_network_of_convolutions_marks_its_maps(network, size, path):
    images = jax.ShapeDtypeStruct((1, size, size, 1), "float32")
    variables = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, False), images)
    zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), variables)
    find = lambda: attribution.last_feature_map(lambda x: network.apply(zeros, x, False), images)
    if path:
        assert find() == path
    else:
        with pytest.raises(ValueError, match="this network marks no feature maps"):
            find()


def test_the_network_is_left_as_it_is(score, computed):
    before = computed(score, IMAGES)
    jax.eval_shape(lambda images: attribution.grad_cam(score, images, ("first",)), IMAGES)
    np.testing.assert_array_equal(computed(score, IMAGES), before)


def test_an_image_that_nothing_speaks_for_has_no_places(score, computed):
    nothing = lambda images: 0.0 * score(images)
    found = computed(lambda images: attribution.grad_cam(nothing, images, ("second",)), IMAGES)
    np.testing.assert_array_equal(found, 0)


def test_it_is_compiled_as_any_function(score):
    compiled = jax.jit(lambda images: attribution.grad_cam(score, images, attribution.last_feature_map(score, images)))
    np.testing.assert_allclose(compiled(IMAGES), attribution.grad_cam(score, IMAGES, ("second",)), atol=1e-6)


def test_networks_without_feature_maps_are_refused(score):
    variables = jax.device_get(jax.jit(Flat().init)(jax.random.key(0), IMAGES))
    with pytest.raises(ValueError, match="this network marks no feature maps"):
        attribution.last_feature_map(lambda images: Flat().apply(variables, images), IMAGES)
    with pytest.raises(ValueError, match="no feature map is marked at fourth"):
        attribution.grad_cam(score, IMAGES, ("fourth",))
