"""Blur kernels: float[side, side], or float[batch, side, side] where a parameter is given for each image; sum 1.

Angles are in radians from the horizontal axis, counter-clockwise as one sees the picture.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

# A Gaussian of a smaller deviation, in pixels, has nothing left beside its centre.
SHARPEST = 0.01


def axes(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (x, y), float32[size, size] pixels from the centre, x to the right and y upwards.

    Raises:
      ValueError: if the size is not odd: the kernel would have no centre and shift the picture.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a kernel of side {size}: give an odd number of pixels")
    offset = np.arange(size, dtype=np.float32) - size // 2
    return np.meshgrid(offset, -offset)


def spread(*parameters: float | Array) -> list[Array]:
    """Returns parameters in a shape that multiplies [side, side], with a batch axis where one of them has it."""
    return [p[..., None, None] for p in jnp.broadcast_arrays(*map(jnp.float32, parameters))]


def normalized(kernel: Array) -> Array:
    """Returns kernels divided by their sum."""
    return kernel / kernel.sum((-2, -1), keepdims=True)


def squared_distance(sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int) -> Array:
    """Returns the squared distance from the centre, in units of the deviations along two rotated axes."""
    x, y = axes(size)
    sigma_x, sigma_y, angle = spread(sigma_x, sigma_y, angle)
    along = x * jnp.cos(angle) + y * jnp.sin(angle)
    across = y * jnp.cos(angle) - x * jnp.sin(angle)
    return (along / jnp.maximum(sigma_x, SHARPEST)) ** 2 + (across / jnp.maximum(sigma_y, SHARPEST)) ** 2


def gaussian_kernel(
    sigma_x: float | Array,
    sigma_y: float | Array,
    angle: float | Array,
    size: int,
    shape: float | Array = 1.0,
) -> Array:
    """Returns a Gaussian with two deviations, rotated; or a generalized one, flatter or more peaked.

    Args:
      sigma_x: deviation along the first axis in pixels, one or float[batch]; 0 leaves the picture sharp.
      sigma_y: deviation along the second axis, a right angle further.
      angle: of the first axis in radians.
      size: odd side in pixels; what lies outside is cut, so take at least 6 σ + 1 where that matters.
      shape: exponent β of the squared distance: 1 is a Gaussian, more is flatter with a steeper edge.
    Returns:
      float32[size, size] or float32[batch, size, size].
    Raises:
      ValueError: if the size is not odd.
    Reference: Wang et al. 2021 (Real-ESRGAN), section 3.1, for the generalized Gaussian.
    """
    return normalized(jnp.exp(-(squared_distance(sigma_x, sigma_y, angle, size) ** spread(shape)[0]) / 2))


def plateau_kernel(
    sigma_x: float | Array, sigma_y: float | Array, angle: float | Array, size: int, shape: float | Array = 1.0
) -> Array:
    """Returns 1 / (1 + squared distance^β), with longer tails than a Gaussian's.

    Args:
      sigma_x: half width at half height along the first axis in pixels, one or float[batch].
      sigma_y: the same along the second axis.
      angle: of the first axis in radians.
      size: odd side in pixels.
      shape: exponent β.
    Returns:
      float32[size, size] or float32[batch, size, size].
    Raises:
      ValueError: if the size is not odd.
    Reference: Wang et al. 2021 (Real-ESRGAN), section 3.1.
    """
    return normalized(1 / (1 + squared_distance(sigma_x, sigma_y, angle, size) ** spread(shape)[0]))


def motion_kernel(length: float | Array, angle: float | Array, size: int) -> Array:
    """Returns a straight line of one pixel's width, antialiased: the trace of a point while the shutter is open.

    A pixel has the weight 1 − its distance from the line between the centres of the first and the last pixel.

    Args:
      length: in pixels, one or float[batch]; 1 and less leave the picture sharp.
      angle: in radians.
      size: odd side in pixels, at least the length; what lies outside is cut.
    Returns:
      float32[size, size] or float32[batch, size, size].
    Raises:
      ValueError: if the size is not odd.
    """
    x, y = axes(size)
    length, angle = spread(length, angle)
    half = jnp.maximum(length - 1, 0) / 2
    along = x * jnp.cos(angle) + y * jnp.sin(angle)
    across = y * jnp.cos(angle) - x * jnp.sin(angle)
    beyond = jnp.maximum(jnp.abs(along) - half, 0)
    return normalized(jnp.maximum(1 - jnp.hypot(across, beyond), 0))


def sinc_kernel(cutoff: float | Array, size: int) -> Array:
    """Returns a two-dimensional low-pass filter cut off at a circle of frequencies; it rings, as sharpening does.

    It is J₁(cutoff · r) / r, J₁(t) / t being the mean of cos(t cos θ) over sin² θ, a quadrature that converges
    geometrically: nothing but cosines is needed.

    Args:
      cutoff: radians per pixel, in (0, π], one or float[batch].
      size: odd side in pixels.
    Returns:
      float32[size, size] or float32[batch, size, size]; some weights are negative.
    Raises:
      ValueError: if the size is not odd.
    Reference: Wang et al. 2021 (Real-ESRGAN), equation 6.
    """
    x, y = axes(size)
    largest = math.pi * math.hypot(size // 2, size // 2)
    nodes = np.arange(1, int(largest / 2) + 16) * np.pi / (int(largest / 2) + 16)
    argument = spread(cutoff)[0] * np.hypot(x, y)
    return normalized(
        jnp.sum(np.float32(np.sin(nodes) ** 2) * jnp.cos(argument[..., None] * np.float32(np.cos(nodes))), -1)
    )


def windowed(kernel: Array, side: Array) -> Array:
    """Returns kernels without what lies outside a smaller square, so that a size may be drawn at random under jit.

    Args:
      kernel: float[batch, size, size].
      side: int[batch], odd.
    Returns:
      float[batch, size, size].
    Raises:
      ValueError: if the kernels' size is not odd.
    """
    x, y = axes(kernel.shape[-1])
    inside = np.maximum(np.abs(x), np.abs(y)) <= (side // 2)[:, None, None]
    return normalized(jnp.where(inside, kernel, 0))
