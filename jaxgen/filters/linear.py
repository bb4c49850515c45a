"""Filters that weigh a pixel's neighbours: by a kernel, evenly, by a Gaussian, or by their local variance."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.filters.checks import checked, odd, per_image
from jaxgen.filters.windows import means_and_variances, reflected, sums

# Shifted multiply-adds take 3.5 ms for 15×15 weights on a 512² image on a CPU, the Fourier transform 7 ms for any
# number of them, and a convolution 49 ms.
DIRECT = 15 * 15


@jax.jit
def filter2d(images: Array, kernel: Array) -> Array:
    """Returns the correlation of the images with a kernel (OpenCV's filter2D; a convolution has the kernel turned).

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      kernel: float[rows, columns], or float[batch, rows, columns], one for each image. Its centre is at
        (rows // 2, columns // 2), for even sizes too.
    Returns:
      float[batch, height, width, channel]; borders are reflected without their outermost pixel.
    Raises:
      ValueError: if there is not one kernel and not one for each image.
    """
    images = checked(images)
    kernel = jnp.asarray(kernel, images.dtype)
    if 0 in kernel.shape or kernel.ndim not in (2, 3) or kernel.shape[:-2] not in ((), (len(images),)):
        raise ValueError(
            f"a kernel of shape {kernel.shape} for {len(images)} images: give [rows, columns], or one for each image"
        )
    (height, width), (rows, columns) = images.shape[1:3], kernel.shape[-2:]
    padded = reflected(images, rows, columns)
    if rows * columns > DIRECT:
        shape = padded.shape[1:3]
        weights = jnp.fft.rfft2(kernel, shape)[..., None]
        product = jnp.fft.rfft2(padded, axes=(1, 2)) * jnp.conj(weights)
        return jnp.fft.irfft2(product, shape, axes=(1, 2))[:, :height, :width]
    weights = kernel[..., None, None, None] if kernel.ndim == 2 else jnp.moveaxis(kernel, 0, -1)[..., None, None, None]
    return sum(weights[i, j] * padded[:, i : i + height, j : j + width] for i in range(rows) for j in range(columns))


@partial(jax.jit, static_argnames="size")
def mean(images: Array, size: int) -> Array:
    """Returns the mean of each window (OpenCV's blur).

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: side of the window in pixels, odd.
    Returns:
      float[batch, height, width, channel]; borders are reflected without their outermost pixel.
    Raises:
      ValueError: if the size is even.
    """
    images, size = checked(images), odd(size)
    return sums(reflected(images, size, size), size, size) / size**2


def gaussian(images: Array, sigma: float | Array, size: int | None = None) -> Array:
    """Returns the images blurred by a Gaussian (OpenCV's GaussianBlur).

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation in pixels, one or float[batch]; 0 leaves the image as it is.
      size: side of the window in pixels, odd. Without it the window reaches over 4 σ, as OpenCV's for floating point;
        where σ is traced it is needed.
    Returns:
      float[batch, height, width, channel]; borders are reflected without their outermost pixel.
    Raises:
      ValueError: if the size is even, or missing where sigma is traced, or sigma is neither one nor one for each image.
    """
    if size is None:
        if isinstance(sigma, jax.core.Tracer):
            raise ValueError("sigma is traced, so the window's size is unknown: give size, as in 2·⌈4·sigma⌉ + 1")
        size = round(float(np.max(sigma)) * 4 * 2 + 1) | 1
    return windowed_gaussian(images, sigma, size)


@partial(jax.jit, static_argnames="size")
def windowed_gaussian(images: Array, sigma: float | Array, size: int) -> Array:
    """Returns the images blurred by a Gaussian in a window of given size; see `gaussian`."""
    images, size = checked(images), odd(size)
    # A thousandth of a pixel is no blur at all, and 0 would be 0/0.
    sigma = jnp.maximum(per_image("sigma", sigma, images), 1e-3)
    distance = jnp.arange(-(size // 2), size // 2 + 1).reshape(-1, 1, 1, 1, 1) / sigma
    weights = jnp.exp(-(distance**2) / 2)
    weights = weights / weights.sum(0)
    height, width = images.shape[1:3]
    padded = reflected(images, size, size)
    rows = sum(weights[i] * padded[:, i : i + height] for i in range(size))
    return sum(weights[i] * rows[:, :, i : i + width] for i in range(size))


@partial(jax.jit, static_argnames="size")
def wiener(images: Array, size: int, noise: float | Array | None = None) -> Array:
    """Returns the images drawn towards their local mean, the more the less their local variance exceeds the noise's.

    SciPy's `signal.wiener` surrounds the image by zeros, where this reflects it, and takes the mean of local variances
    over all channels, where this takes it over each.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: side of the window in pixels, odd.
      noise: variance of the noise (σ², in units of the [0, 1] range), one or float[batch]; without it the mean of
        the local variances, which is too much wherever there is texture.
    Returns:
      float[batch, height, width, channel]; borders are reflected without their outermost pixel.
    Raises:
      ValueError: if the size is even, or there is not one noise variance or one for each image.
    Reference: Lee 1980.
    """
    images, size = checked(images), odd(size)
    average, variance = means_and_variances(reflected(images, size, size), size, size)
    noise = variance.mean((1, 2), keepdims=True) if noise is None else per_image("noise", noise, images)
    # Where both are 0 the window is flat, and mean and pixel are one.
    kept = jnp.where(variance > noise, 1 - noise / jnp.where(variance > 0, variance, 1), 0)
    return average + kept * (images - average)
