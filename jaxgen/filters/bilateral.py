"""The bilateral filter: neighbours count by their distance in the picture and in colour."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.filters.checks import checked, odd, per_image
from jaxgen.filters.windows import reflected


@partial(jax.jit, static_argnames="size")
def bilateral(images: Array, size: int, sigma_color: float | Array, sigma_space: float | Array) -> Array:
    """Returns the mean of each pixel's neighbours, weighted by how near and how alike they are.

    As OpenCV's bilateralFilter: the window is a disc, and the channels are filtered together, by one distance in
    colour, the sum of the absolute differences of the channels. OpenCV interpolates the Gaussian from a table, this
    computes it.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: diameter of the window in pixels, odd.
      sigma_color: standard deviation of the Gaussian of the distance in colour, in units of the [0, 1] range, one or
        float[batch].
      sigma_space: standard deviation of the Gaussian of the distance in the picture, in pixels, one or float[batch].
    Returns:
      float[batch, height, width, channel]; borders are reflected without their outermost pixel.
    Raises:
      ValueError: if the size is even, or there is not one sigma or one for each image.
    Reference: Tomasi and Manduchi 1998.
    """
    images, size = checked(images), odd(size)
    # A sigma of 0 leaves the image as it is.
    color, space = (
        1 / (2 * jnp.maximum(per_image(name, sigma, images), 1e-6) ** 2)
        for name, sigma in (("sigma_color", sigma_color), ("sigma_space", sigma_space))
    )
    reach = size // 2
    offsets = np.stack(np.meshgrid(*2 * [np.arange(-reach, reach + 1)], indexing="ij"), -1).reshape(-1, 2)
    offsets = jnp.asarray(offsets[(offsets**2).sum(1) <= reach**2])
    padded = reflected(images, size, size)

    def add(i, total_and_weights):
        total, weights = total_and_weights
        row, column = offsets[i]
        neighbours = lax.dynamic_slice(padded, (0, row + reach, column + reach, 0), images.shape)
        distance = abs(neighbours - images).sum(-1, keepdims=True)
        weight = jnp.exp(-color * distance**2 - space * (row**2 + column**2))
        return total + weight * neighbours, weights + weight

    zero = jnp.zeros_like(images)
    total, weights = lax.fori_loop(0, len(offsets), add, (zero, zero[..., :1]))
    return total / weights
