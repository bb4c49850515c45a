import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import degradations
from jaxgen.degradations import file_noise
from jaxgen.degradations.file_noise import LUMA_NOISE, in_file, luma, luma_deviation, photo_noise_and_level

N = 64
KEYS = jax.random.split(jax.random.key(0), N)
GRAY = np.full((N, 64, 64, 3), 0.5, np.float32)


@pytest.fixture(scope="module")
def noisy():
    """Mid-gray images with noise of level 20 of 255, and the levels in the results."""
    return jax.device_get(jax.jit(photo_noise_and_level)(KEYS, GRAY, 20 / 255))


def test_the_level_is_that_of_independent_noise_with_the_same_luma(noisy):
    images, level = noisy
    measured = np.asarray(luma(images - 0.5)).std((1, 2, 3)) / LUMA_NOISE
    # Grainy noise has fewer independent values, and the luma of clipped channels is slightly weaker.
    np.testing.assert_allclose(measured, level, rtol=0.12)
    assert np.median(abs(measured / level - 1)) < 0.02


def test_some_noise_is_white_and_the_rest_is_that_of_files(noisy):
    images, _ = noisy
    steps = 255 * images
    in_steps = (abs(steps - np.rint(steps)) < 1e-3).all((1, 2, 3))
    assert 0.4 < in_steps.mean() < 0.8
    first, second = images[:, 1:, :, 1].reshape(N, -1), images[:, :-1, :, 1].reshape(N, -1)
    neighbors = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)])
    channels = np.array([np.corrcoef(image.reshape(-1, 3).T)[0, 1] for image in images])
    assert abs(neighbors[~in_steps]).max() < 0.08 and abs(channels[~in_steps]).max() < 0.08
    assert (neighbors > 0.3).mean() > 0.15 and (channels > 0.9).mean() > 0.15


@pytest.mark.parametrize("correlation", [0.0, 0.4, 1.0])
def test_noise_that_channels_share_is_stronger_in_luma(correlation, computed):
    added = computed(degradations.shared_noise, KEYS, 0 * GRAY, 1.0, correlation)
    expected = float(luma_deviation(jnp.float32(correlation), 3))
    assert np.asarray(luma(added)).std() == pytest.approx(expected, rel=0.01)


def test_files_keep_the_luma_of_faint_noise_only_at_high_quality(monkeypatch):
    monkeypatch.setattr(file_noise, "COMPRESSED", 1.0)
    keys, gray = KEYS[:8], GRAY[:8]
    noise = degradations.gaussian_noise(keys, gray, 2 / 255)
    for qualities, low, high in (((98.0, 98.0), 0.8, 1.25), ((75.0, 75.0), 0.0, 0.6)):
        monkeypatch.setattr(file_noise, "QUALITIES", qualities)
        kept = jax.jit(lambda noisy: in_file(keys, gray, noisy)[1])(noise)
        assert low < float(kept.mean()) < high


def test_a_clean_image_has_no_level(computed):
    images, level = computed(photo_noise_and_level, KEYS[:8], GRAY[:8], 0.0)
    np.testing.assert_array_equal(level, 0)
    np.testing.assert_allclose(images, 0.5, atol=0.51 / 255)


def test_gray_images_have_the_level_of_their_pixels(computed):
    images, level = computed(photo_noise_and_level, KEYS[:16], GRAY[:16, ..., :1], 20 / 255)
    np.testing.assert_allclose((images - 0.5).std((1, 2, 3)), level, rtol=0.12)
