import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.objectives.latent_search import make_latent_search

LATENT, SHAPE, PRIOR = 3, (4, 5, 2), 0.5
rng = np.random.default_rng(0)
WEIGHTS = rng.normal(size=(LATENT, *SHAPE)).astype(np.float32)
IMAGES = rng.uniform(size=(2, *SHAPE)).astype(np.float32)
MASK = rng.uniform(size=(2, *SHAPE[:2], 1)) < 0.4
KEY = jax.random.key(1)


def linear(weights, latents, labels):
    assert labels is None
    return jnp.einsum("bz,zhwc->bhwc", latents, weights)


@pytest.fixture(scope="module")
def fill():
    return jax.jit(make_latent_search(linear, LATENT, restarts=2, steps=400, prior_weight=PRIOR))


@pytest.fixture(scope="module")
def filled(fill):
    return fill(WEIGHTS, IMAGES, MASK, KEY)


def test_a_linear_generators_latent_is_the_ridge_regression_on_the_known_pixels(filled):
    for i in range(2):
        known = np.broadcast_to(~MASK[i], SHAPE).ravel()
        a, y = WEIGHTS.reshape(LATENT, -1).T[known].astype(float), IMAGES[i].ravel()[known]
        exact = np.linalg.solve(a.T @ a + PRIOR * np.eye(LATENT), a.T @ y)
        np.testing.assert_allclose(filled.latents[i], exact, atol=1e-4)
        np.testing.assert_allclose(filled.error[i], ((a @ exact - y) ** 2).mean(), rtol=1e-4)


def test_known_pixels_keep_their_bits_and_the_others_are_generated(filled):
    generated = np.einsum("bz,zhwc->bhwc", filled.latents, WEIGHTS)
    np.testing.assert_allclose(filled.generated, generated, atol=1e-5)
    np.testing.assert_array_equal(filled.images, np.where(MASK, filled.generated, IMAGES))
    np.testing.assert_array_equal(filled.labels, 0)


def test_hidden_pixels_have_no_effect(fill, filled):
    other = fill(WEIGHTS, np.where(MASK, np.nan, IMAGES).astype(np.float32), MASK, KEY)
    for a, b in zip(filled, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_image_is_filled_the_same_alone_and_in_a_batch(fill, filled):
    alone = fill(WEIGHTS, IMAGES[:1], MASK[:1], KEY)
    np.testing.assert_allclose(alone.images[0], filled.images[0], atol=1e-5)


def half_dead(variables, latents, labels):
    """Generates grey for positive latents of class 1, else black, where the gradient is 0."""
    grey = jax.nn.relu(latents) * (labels == 1)[:, None]
    return jnp.broadcast_to(grey[:, None, None], (len(latents), 1, 2, 1))


def test_the_best_of_the_restarts_and_of_the_classes_is_returned():
    search = make_latent_search(half_dead, 1, classes=3, restarts=24, steps=200, prior_weight=1e-4)
    images, mask = jnp.full((4, 1, 2, 1), 0.7), jnp.zeros((4, 1, 2, 1)).at[:, 0, 1].set(1)
    filled = jax.jit(search)({}, images, mask, KEY)
    np.testing.assert_array_equal(filled.labels, 1)
    np.testing.assert_allclose(filled.images[:, 0, 1], 0.7, atol=1e-3)


@pytest.mark.parametrize("options", [{"steps": 0}, {"restarts": 0}, {"classes": 3, "restarts": 2}])
def test_impossible_searches_are_refused(options):
    with pytest.raises(ValueError, match="give at least 1 of each, and as many restarts as there are classes"):
        make_latent_search(linear, LATENT, **options)


@pytest.mark.parametrize(
    ("images", "mask", "message"),
    [
        (IMAGES, MASK[:1], "a mask of shape"),
        (IMAGES[:, :3], MASK[:, :3], r"images of \(3, 5, 2\), and the generator gives \(4, 5, 2\)"),
        (IMAGES, np.ones_like(MASK), "leaves no known pixel"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(images, mask, message):
    with pytest.raises(ValueError, match=message):
        make_latent_search(linear, LATENT, restarts=1, steps=1)(WEIGHTS, images, mask, KEY)
