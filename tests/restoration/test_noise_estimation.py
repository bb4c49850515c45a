import numpy as np
import pytest

from jaxgen.restoration import noise_estimation

GENERATOR = np.random.default_rng(0)
spread = lambda images: images.std((1, 2, 3))


@pytest.mark.parametrize("shape", [(1, 1, 1), (128, 128, 1), (129, 40, 3), (1000, 300, 3)])
def test_windows_cover_the_ends_and_are_of_one_size(shape):
    image = GENERATOR.random(shape, np.float32)
    found = noise_estimation.windows(image)
    assert found.shape[1:] == (noise_estimation.SIDE, noise_estimation.SIDE, shape[-1])
    assert len(found) <= noise_estimation.MOST**2
    np.testing.assert_array_equal(found[0, 0, 0], image[0, 0])
    if min(shape[:2]) >= noise_estimation.SIDE:
        np.testing.assert_array_equal(found[-1, -1, -1], image[-1, -1])


def test_the_level_is_that_of_windows_without_texture():
    image = np.full((600, 500, 3), 0.5, np.float32) + 0.1 * GENERATOR.standard_normal((600, 500, 3), np.float32)
    image[:300] = GENERATOR.random((300, 500, 3))
    assert noise_estimation.estimate(spread, image) == pytest.approx(0.1, rel=0.02)


def noisy(height, width):
    return np.clip(0.5 + 0.1 * GENERATOR.standard_normal((height, width, 1), np.float32), 0, 1)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_margins_tell_nothing(value):
    image = np.full((900, 700, 1), value, np.float32)
    image[:300] = noisy(300, 700)
    assert noise_estimation.estimate(spread, image) == pytest.approx(0.1, rel=0.03)


def test_windows_with_fewer_values_cut_speak_for_the_others():
    image = noisy(900, 700)
    image[300:] = np.clip(image[300:] + 0.4, 0, 1)
    # Under the bright part a sixth of the values is cut, and with them a part of the noise.
    assert ((image[300:] == 1).mean() > 0.1) and spread(image[None, 300:])[0] < 0.09
    assert noise_estimation.estimate(spread, image) == pytest.approx(0.1, rel=0.03)
    bright = image[300:]
    assert 0.05 < noise_estimation.estimate(spread, bright) < 0.09


def test_noise_beyond_the_range_is_not_cut():
    image = 0.1 * GENERATOR.standard_normal((900, 700, 1), np.float32)
    image[:300] += 0.5
    image[:300] *= 2
    assert noise_estimation.estimate(spread, image) == pytest.approx(0.1, rel=0.03)


def test_what_is_transparent_tells_nothing():
    image, alpha = np.full((900, 700, 1), 0.3, np.float32), np.zeros((900, 700, 1), np.float32)
    image[:300], alpha[:300] = noisy(300, 700), 1
    assert noise_estimation.estimate(spread, image, alpha) == pytest.approx(0.1, rel=0.03)


def test_a_picture_of_black_and_white_alone_is_estimated_all_the_same():
    assert noise_estimation.estimate(spread, np.zeros((200, 200, 1), np.float32)) == 0
