import jax
import numpy as np
import pytest

from jaxgen.degradations.damage.old_photo import SEPIA, fade, old_photo

IMAGES = np.random.default_rng(0).random((2, 40, 48, 3), np.float32)
KEYS = jax.random.split(jax.random.key(1), 2)


def test_fading_takes_contrast_and_keeps_the_light_grey_it_goes_to(computed):
    np.testing.assert_allclose(computed(fade, IMAGES, 0.0), IMAGES, atol=1e-6)
    np.testing.assert_allclose(computed(fade, IMAGES, np.float32([0.25, 0.5]))[1], 0.5 * IMAGES[1] + 0.3, atol=1e-6)
    np.testing.assert_allclose(computed(fade, np.full((1, 2, 2, 1), 0.6, np.float32), 0.7), 0.6, atol=1e-6)


def test_all_brown_has_one_hue_and_gray_stays_gray(computed):
    brown = computed(fade, IMAGES, 0.0, 1.0)
    np.testing.assert_allclose(brown / brown[..., :1], np.broadcast_to(SEPIA / SEPIA[0], brown.shape), rtol=1e-5)
    grays = (computed(lambda x, tint=tint: fade(x, 0.3, tint), IMAGES[..., :1]) for tint in (1.0, 0.0))
    np.testing.assert_array_equal(*grays)


@pytest.fixture(scope="module")
def age():
    """Returns two images aged, and their masks, as a function of the images."""
    compiled = jax.jit(old_photo)
    return lambda images: jax.device_get(compiled(KEYS, images))


@pytest.fixture(scope="module")
def made(age):
    return age(IMAGES)


def test_an_old_photo_is_a_file_with_a_mask(made):
    images, mask = made
    assert images.shape == IMAGES.shape
    assert mask.shape == (2, 40, 48, 1)
    assert float(mask.min()) >= 0
    assert float(mask.max()) <= 1
    np.testing.assert_allclose(images * 255, np.rint(np.asarray(images) * 255), atol=1e-3)
    assert abs(images - IMAGES).mean() > 0.05


def test_the_same_keys_give_the_same_bits(age, made):
    for again, expected in zip(age(IMAGES), made, strict=True):
        np.testing.assert_array_equal(again, expected)


def test_what_an_image_meets_depends_on_its_own_key(age, made):
    images, mask = age(np.stack([IMAGES[1], IMAGES[1]]))
    np.testing.assert_allclose(mask, made[1], atol=1e-6)
    np.testing.assert_allclose(images[1], made[0][1], atol=2 / 255)
    assert abs(mask[0] - mask[1]).max() > 0.1
