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
def found(fill):
    return fill(WEIGHTS, IMAGES, MASK, KEY)


def test_a_linear_generators_latent_is_the_ridge_regression_on_the_known_pixels(found):
    for i in range(2):
        known = np.broadcast_to(~MASK[i], SHAPE).ravel()
        a, y = WEIGHTS.reshape(LATENT, -1).T[known].astype(float), IMAGES[i].ravel()[known]
        exact = np.linalg.solve(a.T @ a + PRIOR * np.eye(LATENT), a.T @ y)
        np.testing.assert_allclose(found.latents[i], exact, atol=1e-4)
        np.testing.assert_allclose(found.error[i], ((a @ exact - y) ** 2).mean(), rtol=1e-4)


def test_known_pixels_keep_their_bits_and_the_others_are_drawn(found):
    drawn = np.einsum("bz,zhwc->bhwc", found.latents, WEIGHTS)
    np.testing.assert_allclose(found.drawn, drawn, atol=1e-5)
    np.testing.assert_array_equal(found.images, np.where(MASK, found.drawn, IMAGES))
    np.testing.assert_array_equal(found.labels, 0)


def test_what_is_hidden_does_not_count_whatever_it_is(fill, found):
    other = fill(WEIGHTS, np.where(MASK, np.nan, IMAGES).astype(np.float32), MASK, KEY)
    for a, b in zip(found, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_picture_is_filled_alike_alone_and_among_others(fill, found):
    alone = fill(WEIGHTS, IMAGES[:1], MASK[:1], KEY)
    np.testing.assert_allclose(alone.images[0], found.images[0], atol=1e-5)


def half_dead(variables, latents, labels):
    """Draws grey for positive latents of class 1 and else black, where no gradient leads away."""
    grey = jax.nn.relu(latents) * (labels == 1)[:, None]
    return jnp.broadcast_to(grey[:, None, None], (len(latents), 1, 2, 1))


def test_the_best_of_the_restarts_and_of_the_classes_is_kept():
    search = make_latent_search(half_dead, 1, classes=3, restarts=24, steps=200, prior_weight=1e-4)
    images, mask = jnp.full((4, 1, 2, 1), 0.7), jnp.zeros((4, 1, 2, 1)).at[:, 0, 1].set(1)
    found = jax.jit(search)({}, images, mask, KEY)
    np.testing.assert_array_equal(found.labels, 1)
    np.testing.assert_allclose(found.images[:, 0, 1], 0.7, atol=1e-3)


@pytest.mark.parametrize("options", [{"steps": 0}, {"restarts": 0}, {"classes": 3, "restarts": 2}])
def test_a_search_that_could_not_begin_is_refused(options):
    with pytest.raises(ValueError, match="give at least 1 of each, and as many restarts as there are classes"):
        make_latent_search(linear, LATENT, **options)


@pytest.mark.parametrize(
    ("images", "mask", "message"),
    [
        (IMAGES, MASK[:1], "a mask of shape"),
        (IMAGES[:, :3], MASK[:, :3], r"images of \(3, 5, 2\), and the generator draws \(4, 5, 2\)"),
        (IMAGES, np.ones_like(MASK), "leaves no known pixel"),
    ],
)
def test_what_does_not_belong_together_is_refused(images, mask, message):
    with pytest.raises(ValueError, match=message):
        make_latent_search(linear, LATENT, restarts=1, steps=1)(WEIGHTS, images, mask, KEY)
