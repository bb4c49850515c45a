import numpy as np
import pytest

from jaxgen.restoration.analysis import noise
from jaxgen.restoration.analysis.noise import estimate_noise

GENERATOR = np.random.default_rng(0)
spread = lambda images: images.std((1, 2, 3))


@pytest.mark.parametrize("shape", [(1, 1, 1), (128, 128, 1), (129, 40, 3), (1000, 300, 3)])
def test_windows_cover_the_ends_and_are_of_one_size(shape):
    image = GENERATOR.random(shape, np.float32)
    windows = noise.windows(image)
    assert windows.shape[1:] == (noise.WINDOW, noise.WINDOW, shape[-1])
    assert len(windows) <= noise.WINDOWS_PER_SIDE**2
    np.testing.assert_array_equal(windows[0, 0, 0], image[0, 0])
    if min(shape[:2]) >= noise.WINDOW:
        np.testing.assert_array_equal(windows[-1, -1, -1], image[-1, -1])


def test_the_level_is_that_of_windows_without_texture():
    image = np.full((600, 500, 3), 0.5, np.float32) + 0.1 * GENERATOR.standard_normal((600, 500, 3), np.float32)
    image[:300] = GENERATOR.random((300, 500, 3))
    assert estimate_noise(spread, image) == pytest.approx(0.1, rel=0.02)


def test_noise_that_channels_share_has_the_level_of_independent_noise_with_the_same_luma():
    shared = 0.5 + 0.1 * GENERATOR.standard_normal((300, 300, 1), np.float32)
    color = shared + np.float32([0, 0.1, -0.1])
    assert estimate_noise(spread, color) == pytest.approx(0.1 / np.sqrt(0.299**2 + 0.587**2 + 0.114**2), rel=0.03)
    assert estimate_noise(spread, shared.repeat(3, -1)) == pytest.approx(0.1, rel=0.03)


def test_grain_has_the_level_of_white_noise_that_is_as_strong_at_half_the_size():
    white = GENERATOR.standard_normal((260, 260, 1), np.float32)
    # Means of 2×2 pixels keep 9/16 of the variance; half the size keeps half of this noise's deviation or more.
    grain = (white + np.roll(white, 1, 0) + np.roll(white, 1, 1) + np.roll(white, (1, 1), (0, 1))) / 2
    image = 0.5 + 0.04 * grain
    half = image.reshape(130, 2, 130, 2).mean((1, 3)).std()
    assert 2 * half / image.std() == pytest.approx(1.5, rel=0.03)
    blind = lambda windows: (0.5 if windows.shape[1] == noise.WINDOW else 1) * windows.std((1, 2, 3))
    assert estimate_noise(blind, image) == pytest.approx(2 * half, rel=0.03)
    # Below 1.5 gray levels it may be texture.
    faint = 0.5 + 0.01 * grain
    assert estimate_noise(blind, faint) == pytest.approx(0.005, rel=0.03)


def noisy(height, width):
    return np.clip(0.5 + 0.1 * GENERATOR.standard_normal((height, width, 1), np.float32), 0, 1)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_margins_do_not_count(value):
    image = np.full((900, 700, 1), value, np.float32)
    image[:300] = noisy(300, 700)
    assert estimate_noise(spread, image) == pytest.approx(0.1, rel=0.03)


def test_windows_with_fewer_clipped_values_count():
    image = noisy(900, 700)
    image[300:] = np.clip(image[300:] + 0.4, 0, 1)
    # In the bright part a sixth of the values is clipped, and part of the noise is lost.
    assert ((image[300:] == 1).mean() > 0.1) and spread(image[None, 300:])[0] < 0.09
    assert estimate_noise(spread, image) == pytest.approx(0.1, rel=0.03)
    bright = image[300:]
    assert 0.05 < estimate_noise(spread, bright) < 0.09


def test_noise_beyond_the_range_is_not_clipped():
    image = 0.1 * GENERATOR.standard_normal((900, 700, 1), np.float32)
    image[:300] += 0.5
    image[:300] *= 2
    assert estimate_noise(spread, image) == pytest.approx(0.1, rel=0.03)


def test_transparent_pixels_do_not_count():
    image, alpha = np.full((900, 700, 1), 0.3, np.float32), np.zeros((900, 700, 1), np.float32)
    image[:300], alpha[:300] = noisy(300, 700), 1
    assert estimate_noise(spread, image, alpha) == pytest.approx(0.1, rel=0.03)


def test_an_image_of_clipped_values_alone_is_estimated_too():
    assert estimate_noise(spread, np.zeros((200, 200, 1), np.float32)) == 0
