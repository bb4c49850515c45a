import jax
import numpy as np
import pytest

from jaxgen.degradations import grain

KEY = jax.random.key(0)
GRAY = np.full((2, 160, 160, 3), 0.5, np.float32)


@pytest.mark.parametrize("radius", [0.0, 0.7, 2.0])
def test_the_deviation_is_sigma_and_pixels_are_correlated_as_a_gaussian_of_their_distance(radius, computed):
    noise = computed(grain.film_grain, KEY, GRAY, 0.1, radius) - 0.5
    np.testing.assert_allclose(noise.std((1, 2, 3)), 0.1, rtol=0.05)
    for distance in (1, 2, 4):
        for pair in ((noise[:, distance:], noise[:, :-distance]), (noise[:, :, distance:], noise[:, :, :-distance])):
            expected = np.exp(-((distance / radius) ** 2) / 4) if radius else 0.0
            assert np.corrcoef(*(part.ravel() for part in pair))[0, 1] == pytest.approx(expected, abs=0.04)


def test_the_deviation_is_the_same_at_the_border(computed):
    images = np.full((300, 16, 16, 1), 0.5, np.float32)
    deviations = computed(grain.film_grain, KEY, images, 0.1, 2.0).std(0)[..., 0]
    assert deviations[0].mean() == pytest.approx(deviations[8].mean(), rel=0.08)


def test_grain_is_strongest_in_midtones(computed):
    images = np.float32([0.0, 0.5, 0.9, 1.0])[:, None, None, None] * np.ones((4, 64, 64, 1), np.float32)
    noise = computed(grain.film_grain, KEY, images, 0.1, 0.0, 0.0, np.float32([1, 1, 0.5, 1])) - images
    np.testing.assert_allclose(noise.std((1, 2, 3)), [0, 0.1, 0.08, 0], rtol=0.05, atol=1e-6)


def test_channels_may_share_the_grain(computed):
    noise = computed(grain.film_grain, KEY, GRAY, 0.1, 1.0, np.float32([0, 1])) - 0.5
    assert abs(np.corrcoef(noise[0].reshape(-1, 3).T)[0, 1]) < 0.05
    np.testing.assert_allclose(noise[1], noise[1, ..., :1].repeat(3, -1), atol=1e-6)
