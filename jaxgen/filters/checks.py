"""Checks of arguments: images, window sizes, parameters, and masks of missing pixels."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import DTypeLike


def checked(images: Array) -> Array:
    """Returns the images in at least float32.

    Raises:
      ValueError: if they are no batch of images, or no floating dtype.
    """
    images = jnp.asarray(images)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images of shape {images.shape}: give [batch, height, width, channel], none of them 0")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"images of {images.dtype}: give floating point in [0, 1], as in images / 255")
    return images.astype(jnp.promote_types(images.dtype, jnp.float32))


def odd(size: int) -> int:
    """Returns the side of a window with a center pixel.

    Raises:
      ValueError: if it is even or less than 1.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a window of size {size}: give an odd number of pixels, 1 or more")
    return int(size)


def one_or_each(name: str, value: float | Array, count: int, dtype: DTypeLike) -> Array:
    """Returns a parameter as an array, dtype[] for all images or dtype[count].

    Raises:
      ValueError: if it has another shape.
    """
    value = jnp.asarray(value, dtype)
    if value.shape not in ((), (count,)):
        raise ValueError(f"{name} of shape {value.shape} for {count} images: give one, or one for each image")
    return value


def per_image(name: str, value: float | Array, images: Array) -> Array:
    """Returns a parameter, one value or float[batch], in the images' dtype and a shape that broadcasts with them.

    Raises:
      ValueError: if it has another shape.
    """
    return one_or_each(name, value, len(images), images.dtype).reshape(-1, 1, 1, 1)


def checked_mask(mask: Array, images: Array) -> Array:
    """Returns bool[batch, height, width, 1], true where pixels are missing.

    Args:
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
      images: float[batch, height, width, channel].
    Raises:
      ValueError: if the mask has another shape, or no pixel of an image is known. The second cannot be checked under a
        transformation such as `jit`.
    """
    wanted = (*images.shape[:3], 1)
    if jnp.shape(mask) != wanted:
        raise ValueError(f"a mask of shape {jnp.shape(mask)} for images of shape {images.shape}: give {list(wanted)}")
    missing = jnp.asarray(mask) if jnp.asarray(mask).dtype == bool else jnp.asarray(mask) > 0.5
    if not isinstance(missing, Tracer):
        empty = np.flatnonzero(np.asarray(missing).all((1, 2, 3)))
        if empty.size:
            raise ValueError(f"the mask of image {empty[0]} leaves no known pixel: true marks missing pixels")
    return missing
