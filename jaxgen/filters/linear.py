"""Correlation with a kernel, box, Gaussian and Wiener filters."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from jaxgen.filters.checks import checked, odd, per_image
from jaxgen.filters.windows import means_and_variances, reflected, sums

DIRECT_WEIGHTS = 15 * 15
"""Largest kernel computed by shifted multiply-adds: 3.5 ms for 15×15 on a 512² image on a CPU, where the Fourier
transform takes 7 ms for any kernel and a convolution 49 ms."""


@jax.jit
def filter2d(images: Array, kernel: Array) -> Array:
    """Correlates images with a kernel (OpenCV's filter2D; for a convolution, flip the kernel).

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      kernel: float[rows, columns], or float[batch, rows, columns], one for each image. Its center is
        (rows // 2, columns // 2), also for even sizes.
    Returns:
      float[batch, height, width, channel]; borders are reflected without repeating the border pixel.
    Raises:
      ValueError: if the number of kernels is neither 1 nor the batch size.
    """
    images = checked(images)
    kernel = jnp.asarray(kernel, images.dtype)
    if 0 in kernel.shape or kernel.ndim not in (2, 3) or kernel.shape[:-2] not in ((), (len(images),)):
        raise ValueError(
            f"a kernel of shape {kernel.shape} for {len(images)} images: give [rows, columns], or one for each image"
        )
    (height, width), (rows, columns) = images.shape[1:3], kernel.shape[-2:]
    padded = reflected(images, rows, columns)
    if rows * columns > DIRECT_WEIGHTS:
        shape = padded.shape[1:3]
        weights = jnp.fft.rfft2(kernel, shape)[..., None]
        product = jnp.fft.rfft2(padded, axes=(1, 2)) * jnp.conj(weights)
        return jnp.fft.irfft2(product, shape, axes=(1, 2))[:, :height, :width]
    weights = kernel[..., None, None, None] if kernel.ndim == 2 else jnp.moveaxis(kernel, 0, -1)[..., None, None, None]
    shifted = (weights[i, j] * padded[:, i : i + height, j : j + width] for i in range(rows) for j in range(columns))
    return functools.reduce(jnp.add, shifted)


@partial(jax.jit, static_argnames="size")
def mean(images: Array, size: int) -> Array:
    """Applies a box filter: the mean of each window (OpenCV's blur).

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: side of the window in pixels, odd.
    Returns:
      float[batch, height, width, channel]; borders are reflected without repeating the border pixel.
    Raises:
      ValueError: if the size is even.
    """
    images, size = checked(images), odd(size)
    return sums(reflected(images, size, size), size, size) / size**2


def gaussian(images: Array, sigma: float | Array, size: int | None = None) -> Array:
    """Blurs images by a Gaussian (OpenCV's GaussianBlur).

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation in pixels, one or float[batch]; 0 leaves the image unchanged.
      size: side of the window in pixels, odd; None: 4 σ to each side, as in OpenCV. Required if σ is traced.
    Returns:
      float[batch, height, width, channel]; borders are reflected without repeating the border pixel.
    Raises:
      ValueError: if the size is even, or None with a traced sigma, or the number of sigmas is neither 1 nor the batch
        size.
    """
    if size is None:
        if isinstance(sigma, Tracer):
            raise ValueError("sigma is traced, so the window's size is unknown: give size, as in 2·⌈4·sigma⌉ + 1")
        size = round(float(np.max(sigma)) * 4 * 2 + 1) | 1
    return windowed_gaussian(images, sigma, size)


@partial(jax.jit, static_argnames="size")
def windowed_gaussian(images: Array, sigma: float | Array, size: int) -> Array:
    """Blurs images by a Gaussian in a window of a given size; see `gaussian`."""
    images, size = checked(images), odd(size)
    # 0 would be 0/0; a thousandth of a pixel is no blur.
    sigma = jnp.maximum(per_image("sigma", sigma, images), 1e-3)
    distance = jnp.arange(-(size // 2), size // 2 + 1).reshape(-1, 1, 1, 1, 1) / sigma
    weights = jnp.exp(-(distance**2) / 2)
    weights = weights / weights.sum(0)
    height, width = images.shape[1:3]
    padded = reflected(images, size, size)
    rows = functools.reduce(jnp.add, (weights[i] * padded[:, i : i + height] for i in range(size)))
    return functools.reduce(jnp.add, (weights[i] * rows[:, :, i : i + width] for i in range(size)))


@partial(jax.jit, static_argnames="size")
def wiener(images: Array, size: int, noise: float | Array | None = None) -> Array:
    """Applies the adaptive Wiener filter: shrinks pixels towards the local mean where the local variance is low.

    SciPy's `signal.wiener` pads with zeros, where this reflects, and averages local variances over all channels, where
    this averages over each channel.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: side of the window in pixels, odd.
      noise: variance of the noise (σ², in units of the [0, 1] range), one or float[batch]; None: the mean
        of the local variances, which overestimates the noise of textured images.
    Returns:
      float[batch, height, width, channel]; borders are reflected without repeating the border pixel.
    Raises:
      ValueError: if the size is even, or the number of noise variances is neither 1 nor the batch size.
    Reference: Lee 1980.
    """
    images, size = checked(images), odd(size)
    average, variance = means_and_variances(reflected(images, size, size), size, size)
    noise = variance.mean((1, 2), keepdims=True) if noise is None else per_image("noise", noise, images)
    # Where both are 0 the window is constant.
    gain = jnp.where(variance > noise, 1 - noise / jnp.where(variance > 0, variance, 1), 0)
    return average + gain * (images - average)
