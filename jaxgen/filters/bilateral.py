"""The bilateral filter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.filters.checks import checked, odd, per_image
from jaxgen.filters.windows import reflected


@partial(jax.jit, static_argnames="size")
def bilateral(images: Array, size: int, sigma_color: float | Array, sigma_space: float | Array) -> Array:
    """Averages each pixel's neighbors with weights by their distances in space and in color.

    Equals OpenCV's bilateralFilter: the window is a disc, and the channels are filtered together, by the sum of the
    absolute differences of the channels. OpenCV interpolates the Gaussian from a table; here it is computed.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: diameter of the window in pixels, odd.
      sigma_color: standard deviation in color, in units of the [0, 1] range, one or float[batch].
      sigma_space: standard deviation in space, in pixels, one or float[batch].
    Returns:
      float[batch, height, width, channel]; borders are reflected without repeating the border pixel.
    Raises:
      ValueError: if the size is even, or the number of sigmas is neither 1 nor the batch size.
    Reference: Tomasi and Manduchi 1998.
    """
    images, size = checked(images), odd(size)
    # A sigma of 0 leaves the image unchanged.
    color, space = (
        1 / (2 * jnp.maximum(per_image(name, sigma, images), 1e-6) ** 2)
        for name, sigma in (("sigma_color", sigma_color), ("sigma_space", sigma_space))
    )
    radius = size // 2
    offsets = np.stack(np.meshgrid(*2 * [np.arange(-radius, radius + 1)], indexing="ij"), -1).reshape(-1, 2)
    offsets = jnp.asarray(offsets[(offsets**2).sum(1) <= radius**2])
    padded = reflected(images, size, size)

    def add(i, total_and_weights):
        total, weights = total_and_weights
        row, column = offsets[i]
        neighbors = lax.dynamic_slice(padded, (0, row + radius, column + radius, 0), images.shape)
        distance = abs(neighbors - images).sum(-1, keepdims=True)
        weight = jnp.exp(-color * distance**2 - space * (row**2 + column**2))
        return total + weight * neighbors, weights + weight

    zero = jnp.zeros_like(images)
    total, weights = lax.fori_loop(0, len(offsets), add, (zero, zero[..., :1]))
    return total / weights
