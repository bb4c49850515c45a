import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.degradations.damage.old_photo import SEPIA, fade, old_photo

IMAGES = jax.random.uniform(jax.random.key(0), (2, 40, 48, 3))


def test_fading_takes_contrast_and_keeps_the_light_grey_it_goes_to():
    np.testing.assert_allclose(fade(IMAGES, 0.0), IMAGES, atol=1e-6)
    np.testing.assert_allclose(fade(IMAGES, jnp.array([0.25, 0.5]))[1], 0.5 * IMAGES[1] + 0.3, atol=1e-6)
    np.testing.assert_allclose(fade(jnp.full((1, 2, 2, 1), 0.6), 0.7), 0.6, atol=1e-6)


def test_all_brown_has_one_hue_and_gray_stays_gray():
    brown = fade(IMAGES, 0.0, 1.0)
    np.testing.assert_allclose(brown / brown[..., :1], np.broadcast_to(SEPIA / SEPIA[0], brown.shape), rtol=1e-5)
    np.testing.assert_array_equal(fade(IMAGES[..., :1], 0.3, 1.0), fade(IMAGES[..., :1], 0.3, 0.0))


@pytest.fixture(scope="module")
def made():
    return jax.jit(old_photo)(jax.random.split(jax.random.key(1), 2), IMAGES)


def test_an_old_photo_is_a_file_with_a_mask(made):
    images, mask = made
    assert images.shape == IMAGES.shape
    assert mask.shape == (2, 40, 48, 1)
    assert float(mask.min()) >= 0
    assert float(mask.max()) <= 1
    np.testing.assert_allclose(images * 255, np.rint(np.asarray(images) * 255), atol=1e-3)
    assert float(jnp.abs(images - IMAGES).mean()) > 0.05


def test_what_an_image_meets_depends_on_its_own_key(made):
    other = jnp.stack([IMAGES[1], IMAGES[1]])
    images, mask = jax.jit(old_photo)(jax.random.split(jax.random.key(1), 2), other)
    np.testing.assert_allclose(mask, made[1], atol=1e-6)
    np.testing.assert_allclose(images[1], made[0][1], atol=2 / 255)
    assert float(jnp.abs(mask[0] - mask[1]).max()) > 0.1
