import cv2
import jax
import numpy as np
import pytest

from jaxgen import filters


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("settings", [(5, 0.1, 2.0), (9, 0.4, 3.0)])
def test_it_agrees_with_opencv(pair, channels, settings):
    images = np.ascontiguousarray(pair[..., :channels])
    expected = [cv2.bilateralFilter(image, *settings).reshape(image.shape) for image in images]
    np.testing.assert_allclose(filters.bilateral(images, *settings), expected, atol=1e-5)


def test_of_far_colours_it_is_the_gaussian_of_a_disc(pair):
    offsets = np.stack(np.meshgrid(*2 * [np.arange(-2, 3)]))
    kernel = np.where((offsets**2).sum(0) <= 4, np.exp(-(offsets**2).sum(0) / (2 * 1.5**2)), 0)
    expected = filters.filter2d(pair, kernel / kernel.sum())
    np.testing.assert_allclose(filters.bilateral(pair, 5, 1e3, 1.5), expected, atol=1e-5)


def test_each_image_has_its_own_sigmas_traced_too(pair):
    color, space = np.array([0.1, 0.3], np.float32), np.array([1.0, 2.0], np.float32)
    each = [filters.bilateral(pair[i : i + 1], 5, float(color[i]), float(space[i]))[0] for i in range(2)]
    both = jax.jit(lambda *sigmas: filters.bilateral(pair, 5, *sigmas))(color, space)
    np.testing.assert_allclose(both, each, atol=1e-6)


def test_sigmas_of_0_leave_the_image_and_a_constant_is_kept(pair):
    np.testing.assert_allclose(filters.bilateral(pair, 3, 0.0, 1.0), pair, atol=1e-6)
    np.testing.assert_allclose(filters.bilateral(pair, 3, 1.0, 0.0), pair, atol=1e-6)
    constant = np.full((1, 8, 6, 1), 0.3, np.float32)
    np.testing.assert_allclose(filters.bilateral(constant, 5, 0.1, 2.0), constant, atol=1e-6)


def test_what_does_not_fit_is_refused_in_one_line(pair):
    with pytest.raises(ValueError, match="a window of size 2: give an odd number of pixels"):
        filters.bilateral(pair, 2, 0.1, 1.0)
    with pytest.raises(ValueError, match=r"sigma_space of shape \(3,\) for 2 images"):
        filters.bilateral(pair, 3, 0.1, np.ones(3))
