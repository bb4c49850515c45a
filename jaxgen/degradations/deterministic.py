"""Deterministic degradations in the common signature (key, images, …), so that they can replace and compose others.

The key has no effect. The computation is in `blurring`, `resampling` and `compression`.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations import blurring, compression, resampling
from jaxgen.degradations.draws import uniform
from jaxgen.degradations.registry import Benchmark, Strengths, register
from jaxgen.io.images import LUMA

LEVELS = 255


@dataclass(frozen=True)
class BlurHyper:
    """Hyperparameters of a blur of random strength."""

    blur_low: float = 0.5
    """Smallest standard deviation of a blur, in pixels."""
    blur_high: float = 3.0
    """Largest standard deviation of a blur, in pixels."""


def blur(key: Array, images: Array, sigma: float | Array, size: int = 21) -> Array:
    """Returns the images blurred by an isotropic Gaussian of `sigma` pixels; see `blurring.gaussian_blur`."""
    return blurring.gaussian_blur(images, sigma, size)


register(
    blur,
    "isotropic Gaussian blur",
    example={"sigma": 2.0},
    random=False,
    sample=lambda keys, images, hyper: blur(
        keys, images, uniform(keys, len(images), hyper["blur_low"], hyper["blur_high"])
    ),
    hyper=BlurHyper,
    benchmark=Benchmark("Gaussian blur of σ 2 pixels", lambda keys, images: blur(keys, images, 2.0)),
    strengths=Strengths(
        "blur σ {:g}",
        (1.0, 2.0, 3.0),
        lambda sigma: {"blur_low": sigma, "blur_high": sigma},
        "Gaussian blur, σ in pixels, no noise",
    ),
)


def anisotropic_blur(
    key: Array, images: Array, sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int = 21
) -> Array:
    """Returns the images blurred by a rotated Gaussian of two deviations; see `blurring.anisotropic_blur`."""
    return blurring.anisotropic_blur(images, sigma_x, sigma_y, angle, size)


register(
    anisotropic_blur,
    "anisotropic Gaussian blur",
    example={"sigma_x": 3.5, "sigma_y": 0.7, "angle": 0.5},
    random=False,
)


def motion_blur(key: Array, images: Array, length: float | Array, angle: float | Array, size: int = 21) -> Array:
    """Returns the images blurred along a line of `length` pixels; see `blurring.motion_blur`."""
    return blurring.motion_blur(images, length, angle, size)


register(motion_blur, "motion blur along a line", example={"length": 13.0, "angle": 0.5}, random=False)


def downsample(key: Array, images: Array, scale: float) -> Array:
    """Returns the images downsampled by `scale`, as MATLAB's imresize does; see `resampling.downsample`."""
    return resampling.downsample(images, scale)


def downsample_to_8_bits(key: Array, images: Array, scale: float) -> Array:
    """Returns downsampled images, clipped and rounded to 8 bits as those of the published super-resolution tables."""
    return jnp.round(jnp.clip(downsample(key, images, scale), 0, 1) * LEVELS) / LEVELS


register(
    downsample,
    "antialiased bicubic downsampling (MATLAB's imresize)",
    example={"scale": 4},
    random=False,
    sample=lambda keys, images, hyper, scale: downsample_to_8_bits(keys, images, scale),
    grain=False,
    resizes=True,
    strengths=Strengths("×{:g}", (4.0,), lambda scale: {}, "MATLAB's antialiased bicubic, rounded to 8 bits"),
)


@dataclass(frozen=True)
class JpegHyper:
    """Hyperparameters of JPEG compression of random quality."""

    quality_low: float = 5.0
    """Lowest JPEG quality, from 1."""
    quality_high: float = 60.0
    """Highest JPEG quality, to 100."""


def jpeg(key: Array, images: Array, quality: float | Array, **options: Any) -> Array:
    """Returns the images as a JPEG file of a quality from 1 to 100 stores them; see `compression.jpeg`."""
    return compression.jpeg(images, quality, **options)


register(
    jpeg,
    "JPEG compression",
    example={"quality": 8},
    random=False,
    sample=lambda keys, images, hyper: jpeg(
        keys, images, uniform(keys, len(images), hyper["quality_low"], hyper["quality_high"])
    ),
    hyper=JpegHyper,
    benchmark=Benchmark("JPEG of quality 10", lambda keys, images: jpeg(keys, images, 10)),
    strengths=Strengths(
        "quality {:g}",
        (10.0, 20.0, 30.0, 40.0),
        lambda quality: {"quality_low": quality, "quality_high": quality},
        "JPEG with halved chroma",
    ),
)


def grayscale(key: Array, images: Array) -> Array:
    """Returns the luma of the images in as many channels: float[batch, height, width, 1 or 3]."""
    if images.shape[-1] == 1:
        return images
    return jnp.broadcast_to((images * LUMA).sum(-1, keepdims=True), images.shape)


register(
    grayscale,
    "colors removed",
    name="gray",
    random=False,
    sample=lambda keys, images, hyper: grayscale(keys, images),
    grain=False,
)
