"""Holes filled with what lies around them, from coarse to fine."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.filters.checks import checked, checked_mask
from jaxgen.filters.windows import binomial

MIDDLE = 0.5


@partial(jax.jit, static_argnames="levels")
def inpaint_pull_push(images: Array, mask: Array, levels: int = 5) -> Array:
    """Returns the images with what is missing interpolated from coarser images of what is known.

    Each coarser image has the means of four pixels, of the known ones alone. Rough beside biharmonic inpainting, and at
    the cost of a few sums for every pixel, however large a hole is.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
      levels: of the coarser images; a hole that is wider than 2^levels pixels is gray in its middle. Static.
    Returns:
      float[batch, height, width, channel]; the known pixels are as they were.
    Raises:
      ValueError: if the mask is not of the images' shape, or there is no level.
    Reference: Gortler, Grzeszczuk, Szeliski, Cohen 1996, section 3.4.2.
    """
    if levels < 1:
        raise ValueError(f"levels {levels}: give at least 1")
    images = checked(images)
    missing, multiple = checked_mask(mask, images), 2**levels
    height, width = images.shape[1:3]
    # Not by the remainder: of symbolic sides, only a product is seen to be a multiple.
    pads = [(0, 0), *((0, -multiple * (-side // multiple) - side) for side in (height, width)), (0, 0)]
    weight = jnp.pad((~missing).astype(images.dtype), pads)
    known = jnp.pad(jnp.where(missing, 0, images), pads)
    return jnp.where(missing, interpolated(known, weight, levels)[:, :height, :width], images)


def interpolated(images: Array, weight: Array, levels: int) -> Array:
    """Returns images where their weight is 1, what is around them where it is 0, and in between a mixture.

    Args:
      images: float[batch, height, width, channel], sides multiples of 2^levels.
      weight: float[batch, height, width, 1] in [0, 1].
      levels: of coarser images that are asked.
    """
    if not levels:
        return weight * images + (1 - weight) * MIDDLE
    total = of_four(weight)
    means = of_four(weight * images) / jnp.where(total == 0, 1, total)
    around = doubled(interpolated(means, jnp.minimum(total, 1), levels - 1))
    return weight * images + (1 - weight) * around


def of_four(x: Array) -> Array:
    """Returns the sums of 2×2 pixels."""
    batch, height, width, channel = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channel).sum((2, 4))


def doubled(x: Array) -> Array:
    """Returns images of twice the size by linear interpolation, pixels repeated beyond the border."""
    for axis in (1, 2):
        x = binomial(x.repeat(2, axis), axis)
    return x
