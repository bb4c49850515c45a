import cv2
import jax
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import filters

rng = np.random.default_rng(0)


def agree(actual, expected, atol=2e-6):
    np.testing.assert_allclose(actual, expected, atol=atol)


@pytest.mark.parametrize("shape", [(3, 3), (1, 7), (4, 2), (21, 17)])
def test_filter2d_agrees_with_opencv(pair, shape):
    kernel = rng.normal(size=shape).astype(np.float32) / np.prod(shape)
    agree(filters.filter2d(pair, kernel), [cv2.filter2D(image, -1, kernel) for image in pair])


@pytest.mark.parametrize("size", [3, 17])
def test_filter2d_takes_a_kernel_for_each_image(pair, size):
    kernels = rng.normal(size=(2, size, size)).astype(np.float32) / size**2
    agree(filters.filter2d(pair, kernels), [cv2.filter2D(*each) for each in zip(pair, (-1, -1), kernels, strict=True)])


@given(size=st.integers(0, 8).map(lambda n: 2 * n + 1))
@settings(max_examples=4, deadline=None)
def test_mean_agrees_with_opencv(pair, size):
    agree(filters.mean(pair, size), [cv2.blur(image, (size, size)) for image in pair])


@pytest.mark.parametrize("sigma", [0.6, 1.7])
def test_gaussian_agrees_with_opencv(pair, sigma):
    agree(filters.gaussian(pair, sigma), [cv2.GaussianBlur(image, (0, 0), sigma) for image in pair])
    agree(filters.gaussian(pair, sigma, 5), [cv2.GaussianBlur(image, (5, 5), sigma) for image in pair])


def test_gaussian_takes_a_sigma_for_each_image_traced_too(pair):
    sigmas = np.array([0.8, 1.5], np.float32)
    expected = [cv2.GaussianBlur(image, (9, 9), float(sigma)) for image, sigma in zip(pair, sigmas, strict=True)]
    agree(jax.jit(filters.gaussian, static_argnames="size")(pair, sigmas, size=9), expected)
    agree(filters.gaussian(pair, 0.0), pair)
    with pytest.raises(ValueError, match="sigma is traced, so the window's size is unknown: give size"):
        jax.jit(filters.gaussian)(pair, sigmas)


@pytest.mark.parametrize("size", [3, 5])
def test_wiener_agrees_with_scipy_inside(pair, size):
    inside, noise = slice(size // 2, -(size // 2)), 0.004
    # SciPy divides by variances that are 0, and then leaves these pixels out.
    with np.errstate(all="ignore"):
        expected = [[scipy.signal.wiener(image[..., c], size, noise) for c in range(3)] for image in pair.astype(float)]
    expected = np.moveaxis(expected, 1, -1)
    agree(filters.wiener(pair, size, noise)[:, inside, inside], expected[:, inside, inside], 1e-5)


def test_wiener_takes_the_mean_local_variance_for_the_noise(pair):
    grey = pair[..., :1]
    extended = np.pad(grey, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    noise = np.lib.stride_tricks.sliding_window_view(extended, (3, 3), axis=(1, 2)).var((-2, -1)).mean((1, 2, 3))
    agree(filters.wiener(grey, 3), filters.wiener(grey, 3, noise), 1e-5)


FILTERS = {
    "filter2d": lambda x: filters.filter2d(x, np.full((3, 3), 1 / 9, np.float32)),
    "filter2d, transformed": lambda x: filters.filter2d(x, np.full((17, 17), 1 / 289, np.float32)),
    "mean": lambda x: filters.mean(x, 5),
    "gaussian": lambda x: filters.gaussian(x, 1.0),
    "wiener": lambda x: filters.wiener(x, 3),
    "wiener without noise": lambda x: filters.wiener(x, 3, 0.0),
}


@pytest.mark.parametrize("name", FILTERS)
def test_constants_are_kept(name):
    constant = np.full((1, 12, 10, 1), 0.3, np.float32)
    agree(FILTERS[name](constant), constant)


def test_wiener_without_noise_is_the_identity(pair):
    agree(filters.wiener(pair, 3, 0.0), pair)


def test_what_does_not_fit_is_refused_in_one_line(pair):
    with pytest.raises(ValueError, match=r"a kernel of shape \(3,\) for 2 images: give \[rows, columns\], or one for"):
        filters.filter2d(pair, np.ones(3))
    for call in (filters.mean, lambda x, n: filters.gaussian(x, 1.0, n), filters.wiener):
        with pytest.raises(ValueError, match="a window of size 4: give an odd number of pixels"):
            call(pair, 4)
    with pytest.raises(ValueError, match=r"noise of shape \(3,\) for 2 images"):
        filters.wiener(pair, 3, np.ones(3))
