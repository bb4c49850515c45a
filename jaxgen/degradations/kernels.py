"""Blur kernels with sum 1: float[side, side], or float[batch, side, side] if a parameter has one value per image.

Angles are in radians from the horizontal axis, counter-clockwise.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

MIN_SIGMA = 0.01
"""Standard deviation in pixels below which a Gaussian is a single pixel."""


def pixel_offsets(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the offsets (x, y) of the pixels from the center, float32[size, size], x to the right and y upwards.

    Raises:
      ValueError: if the size is even: the kernel would have no center pixel and shift the image.
    """
    # An even kernel would have no center pixel and shift the image.
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a kernel of side {size}: give an odd number of pixels")
    offset = np.arange(size, dtype=np.float32) - size // 2
    return np.meshgrid(offset, -offset)


def for_kernels(*parameters: float | Array) -> list[Array]:
    """Returns parameters in a shape that broadcasts with [side, side], with a batch axis if one of them has it."""
    return [p[..., None, None] for p in jnp.broadcast_arrays(*map(jnp.float32, parameters))]


def normalized(kernel: Array) -> Array:
    """Normalizes kernels to sum 1."""
    return kernel / kernel.sum((-2, -1), keepdims=True)


def squared_distance(sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int) -> Array:
    """Computes the squared distance from the center, in standard deviations along two rotated axes."""
    x, y = map(jnp.asarray, pixel_offsets(size))
    first, second, turn = for_kernels(sigma_x, sigma_y, angle)
    along = x * jnp.cos(turn) + y * jnp.sin(turn)
    across = y * jnp.cos(turn) - x * jnp.sin(turn)
    return (along / jnp.maximum(first, MIN_SIGMA)) ** 2 + (across / jnp.maximum(second, MIN_SIGMA)) ** 2


def gaussian_kernel(
    sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int, shape: float | Array = 1.0
) -> Array:
    """Returns a rotated, possibly generalized Gaussian with two standard deviations.

    Args:
      sigma_x: standard deviation along the first axis in pixels, one or float[batch]; 0: no blur.
      sigma_y: standard deviation along the second axis, perpendicular to the first.
      angle: of the first axis in radians.
      size: odd side in pixels; the Gaussian is truncated outside, so use at least 6 σ + 1 for accuracy.
      shape: exponent β of the squared distance: 1 is a Gaussian; larger values are flatter with a steeper edge.
    Returns:
      float32[size, size] or float32[batch, size, size].
    Raises:
      ValueError: if the size is even.
    Reference: Wang et al. 2021 (Real-ESRGAN), section 3.1, for the generalized Gaussian.
    """
    return normalized(jnp.exp(-(squared_distance(sigma_x, sigma_y, angle, size) ** for_kernels(shape)[0]) / 2))


def plateau_kernel(
    sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int, shape: float | Array = 1.0
) -> Array:
    """Returns the plateau kernel 1 / (1 + squared distance^β), whose tails are longer than a Gaussian's.

    Args:
      sigma_x: half width at half height along the first axis in pixels, one or float[batch].
      sigma_y: the same along the second axis.
      angle: of the first axis in radians.
      size: odd side in pixels.
      shape: exponent β.
    Returns:
      float32[size, size] or float32[batch, size, size].
    Raises:
      ValueError: if the size is even.
    Reference: Wang et al. 2021 (Real-ESRGAN), section 3.1.
    """
    return normalized(1 / (1 + squared_distance(sigma_x, sigma_y, angle, size) ** for_kernels(shape)[0]))


def motion_kernel(length: float | Array, angle: float | Array, size: int) -> Array:
    """Returns the kernel of motion blur: an antialiased straight line, one pixel wide.

    The weight of a pixel is 1 − its distance from the line between the centers of the first and the last pixel.

    Args:
      length: in pixels, one or float[batch]; up to 1: no blur.
      angle: in radians.
      size: odd side in pixels, at least the length; the line is truncated outside.
    Returns:
      float32[size, size] or float32[batch, size, size].
    Raises:
      ValueError: if the size is even.
    """
    x, y = pixel_offsets(size)
    length, angle = for_kernels(length, angle)
    half = jnp.maximum(length - 1, 0) / 2
    along = x * jnp.cos(angle) + y * jnp.sin(angle)
    across = y * jnp.cos(angle) - x * jnp.sin(angle)
    beyond = jnp.maximum(jnp.abs(along) - half, 0)
    return normalized(jnp.maximum(1 - jnp.hypot(across, beyond), 0))


def sinc_kernel(cutoff: float | Array, size: int) -> Array:
    """Returns the circular (two-dimensional) sinc filter, an ideal low-pass filter, which causes ringing.

    It is J₁(cutoff · r) / r, where J₁(t) / t is the mean of cos(t cos θ) with weights sin² θ, computed by a quadrature
    that converges geometrically.

    Args:
      cutoff: radians per pixel, in (0, π], one or float[batch].
      size: odd side in pixels.
    Returns:
      float32[size, size] or float32[batch, size, size]; some weights are negative.
    Raises:
      ValueError: if the size is even.
    Reference: Wang et al. 2021 (Real-ESRGAN), equation 6.
    """
    x, y = pixel_offsets(size)
    largest = math.pi * math.hypot(size // 2, size // 2)
    nodes = np.arange(1, int(largest / 2) + 16) * np.pi / (int(largest / 2) + 16)
    argument = for_kernels(cutoff)[0] * np.hypot(x, y)
    return normalized(
        jnp.sum(np.float32(np.sin(nodes) ** 2) * jnp.cos(argument[..., None] * np.float32(np.cos(nodes))), -1)
    )


def crop_kernel(kernel: Array, side: Array) -> Array:
    """Sets kernels to 0 outside a smaller square, which allows random kernel sizes under jit.

    Args:
      kernel: float[batch, size, size].
      side: int[batch], odd.
    Returns:
      float[batch, size, size].
    Raises:
      ValueError: if the kernels' size is even.
    """
    x, y = pixel_offsets(kernel.shape[-1])
    inside = np.maximum(np.abs(x), np.abs(y)) <= (side // 2)[:, None, None]
    return normalized(jnp.where(inside, kernel, 0))
