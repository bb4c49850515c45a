"""Deterministic degradations in the common signature (key, images, …), so that they can replace and compose others.

The key has no effect.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations import blurring, compression, resampling
from jaxgen.degradations.draws import split_keys, uniform
from jaxgen.degradations.kernels import gaussian_kernel, motion_kernel
from jaxgen.degradations.registry import Benchmark, Strengths, at_defaults, fixed, register, sample_between
from jaxgen.fields import Range, hyperparameters
from jaxgen.io.images import LUMA

LEVELS = 255
Quality = Annotated[float, Range(minimum=1, maximum=100)]
MOTION_SIZE = 31
"""Side in pixels of the kernel of motion blur in training images."""
Motion = Annotated[float, Range(minimum=1, maximum=MOTION_SIZE)]
Blur = Annotated[float, Range(minimum=0, maximum=20)]


def blur(key: Array, images: Array, sigma: float | Array, size: int = 21) -> Array:
    """Blurs images by an isotropic Gaussian.

    Args:
      key: has no effect.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation in pixels, one or float[batch]; 0 leaves an image unchanged.
      size: odd side of the kernel in pixels; the Gaussian is truncated outside, so use at least 6 σ + 1.
    Returns:
      float[batch, height, width, channel], in the images' dtype and, up to round-off, range.
    Raises:
      ValueError: if the size is even, or the number of sigmas is neither 1 nor the batch size.
    """
    return blurring.blur(images, gaussian_kernel(sigma, sigma, 0.0, size))


register(
    blur,
    "isotropic Gaussian blur",
    example={"sigma": 2.0},
    random=False,
    sample=sample_between(blur, "blur_low", "blur_high"),
    hyper=hyperparameters(
        blur_low=(0.5, "Smallest standard deviation of a blur, in pixels.", Blur),
        blur_high=(3.0, "Largest standard deviation of a blur, in pixels.", Blur),
    ),
    benchmark=Benchmark("Gaussian blur of σ 2 pixels", lambda keys, images: blur(keys, images, 2.0)),
    strengths=Strengths(
        "blur σ {:g}", (1.0, 2.0, 3.0), fixed("blur_low", "blur_high"), "Gaussian blur, σ in pixels, no noise"
    ),
)


def anisotropic_blur(
    key: Array, images: Array, sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int = 21
) -> Array:
    """Blurs images by a rotated Gaussian with two standard deviations.

    Args:
      key: has no effect.
      images: float[batch, height, width, channel] in [0, 1].
      sigma_x: standard deviation along the first axis in pixels, one or float[batch].
      sigma_y: standard deviation along the second axis in pixels, one or float[batch].
      angle: of the first axis in radians, counter-clockwise from the horizontal, one or float[batch].
      size: odd side of the kernel in pixels; the Gaussian is truncated outside, so use at least 6 σ + 1.
    Returns:
      float[batch, height, width, channel], in the images' dtype and, up to round-off, range.
    Raises:
      ValueError: if the size is even, or the number of a parameter's values is neither 1 nor the batch size.
    """
    return blurring.blur(images, gaussian_kernel(sigma_x, sigma_y, angle, size))


def random_anisotropic_blur(keys: Array, images: Array, hyper: Mapping[str, Array]) -> Array:
    """Blurs images by Gaussians of two random standard deviations and a random angle.

    Args:
      keys: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      hyper: anisotropic_low and anisotropic_high, between which both standard deviations are, in pixels.
    """
    first, second, turn = split_keys(keys, len(images), 3)
    low, high = hyper["anisotropic_low"], hyper["anisotropic_high"]
    along, across = (uniform(key, len(images), low, high) for key in (first, second))
    return anisotropic_blur(keys, images, along, across, uniform(turn, len(images), 0, math.pi))


register(
    anisotropic_blur,
    "anisotropic Gaussian blur",
    sample=random_anisotropic_blur,
    example={"sigma_x": 3.5, "sigma_y": 0.7, "angle": 0.5},
    random=False,
    hyper=hyperparameters(
        anisotropic_low=(0.5, "Smallest standard deviation of an anisotropic blur, in pixels.", Blur),
        anisotropic_high=(3.0, "Largest standard deviation of an anisotropic blur, in pixels.", Blur),
    ),
)


def motion_blur(key: Array, images: Array, length: float | Array, angle: float | Array, size: int = 21) -> Array:
    """Blurs images by motion along a straight line.

    Args:
      key: has no effect.
      images: float[batch, height, width, channel] in [0, 1].
      length: of the line in pixels, one or float[batch].
      angle: of the line in radians, counter-clockwise from the horizontal, one or float[batch].
      size: odd side of the kernel in pixels, at least the length; the line is truncated outside.
    Returns:
      float[batch, height, width, channel], in the images' dtype and, up to round-off, range.
    Raises:
      ValueError: if the size is even, or the number of a parameter's values is neither 1 nor the batch size.
    """
    return blurring.blur(images, motion_kernel(length, angle, size))


def random_motion_blur(keys: Array, images: Array, hyper: Mapping[str, Array]) -> Array:
    """Blurs images by motion of a random length and direction.

    Args:
      keys: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      hyper: motion_low and motion_high, the smallest and the largest length in pixels.
    """
    far, turn = split_keys(keys, len(images), 2)
    length = uniform(far, len(images), hyper["motion_low"], hyper["motion_high"])
    return motion_blur(keys, images, length, uniform(turn, len(images), 0, math.pi), MOTION_SIZE)


register(
    motion_blur,
    "motion blur along a line",
    sample=random_motion_blur,
    example={"length": 13.0, "angle": 0.5},
    random=False,
    hyper=hyperparameters(
        motion_low=(3.0, "Smallest length of a motion blur, in pixels.", Motion),
        motion_high=(15.0, "Largest length of a motion blur, in pixels.", Motion),
    ),
)


def downsample(key: Array, images: Array, scale: float) -> Array:
    """Returns the images downsampled by `scale`, as MATLAB's imresize does; see `resampling.downsample`."""
    return resampling.downsample(images, scale)


def downsample_to_8_bits(key: Array, images: Array, hyper: Any, scale: float) -> Array:
    """Returns downsampled images, clipped and rounded to 8 bits as those of the published super-resolution tables."""
    return jnp.round(jnp.clip(downsample(key, images, scale), 0, 1) * LEVELS) / LEVELS


register(
    downsample,
    "antialiased bicubic downsampling (MATLAB's imresize)",
    example={"scale": 4},
    random=False,
    sample=downsample_to_8_bits,
    grain=False,
    resizes=True,
    strengths=Strengths("×{:g}", (4.0,), lambda scale: {}, "MATLAB's antialiased bicubic, rounded to 8 bits"),
)


def jpeg(key: Array, images: Array, quality: float | Array, **options: Any) -> Array:
    """Returns the images as a JPEG file of a quality from 1 to 100 stores them; see `compression.jpeg`."""
    return compression.jpeg(images, quality, **options)


register(
    jpeg,
    "JPEG compression",
    example={"quality": 8},
    random=False,
    sample=sample_between(jpeg, "quality_low", "quality_high"),
    hyper=hyperparameters(
        quality_low=(5.0, "Lowest JPEG quality.", Quality), quality_high=(60.0, "Highest JPEG quality.", Quality)
    ),
    benchmark=Benchmark("JPEG of quality 10", lambda keys, images: jpeg(keys, images, 10)),
    strengths=Strengths(
        "quality {:g}", (10.0, 20.0, 30.0, 40.0), fixed("quality_low", "quality_high"), "JPEG with halved chroma"
    ),
)


def grayscale(key: Array, images: Array) -> Array:
    """Returns the luma of the images in as many channels: float[batch, height, width, 1 or 3]."""
    if images.shape[-1] == 1:
        return images
    return jnp.broadcast_to((images * LUMA).sum(-1, keepdims=True), images.shape)


register(grayscale, "colors removed", name="gray", random=False, sample=at_defaults(grayscale), grain=False)
