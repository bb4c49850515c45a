"""Degradations without chance in the signature that all share, (key, images, …), so that one takes another's place.

The key has no effect on them. What they compute is in `blurring`, `resampling` and `compression`, without it.
"""

from typing import Any

from jax import Array

from jaxgen.degradations import blurring, compression, resampling


def blur(key: Array, images: Array, sigma: float | Array, size: int = 21) -> Array:
    """Returns the images blurred by a Gaussian of `sigma` pixels; see `blurring.gaussian_blur`."""
    return blurring.gaussian_blur(images, sigma, size)


def anisotropic_blur(
    key: Array, images: Array, sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int = 21
) -> Array:
    """Returns the images blurred by a rotated Gaussian of two deviations; see `blurring.anisotropic_blur`."""
    return blurring.anisotropic_blur(images, sigma_x, sigma_y, angle, size)


def motion_blur(key: Array, images: Array, length: float | Array, angle: float | Array, size: int = 21) -> Array:
    """Returns the images blurred along a line of `length` pixels; see `blurring.motion_blur`."""
    return blurring.motion_blur(images, length, angle, size)


def downsample(key: Array, images: Array, scale: float) -> Array:
    """Returns the images made smaller by `scale`, as MATLAB's imresize does; see `resampling.downsample`."""
    return resampling.downsample(images, scale)


def jpeg(key: Array, images: Array, quality: float | Array, **options: Any) -> Array:
    """Returns the images as they come back from a JPEG file of a quality from 1 to 100; see `compression.jpeg`."""
    return compression.jpeg(images, quality, **options)
