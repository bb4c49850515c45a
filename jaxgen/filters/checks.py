"""What the filters are given: images, windows, numbers for each image, and masks of what is missing."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike


def checked(images: Array) -> Array:
    """Returns the images in at least float32.

    Raises:
      ValueError: if they are no batch of images, or not floating point.
    """
    images = jnp.asarray(images)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images of shape {images.shape}: give [batch, height, width, channel], none of them 0")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"images of {images.dtype}: give floating point in [0, 1], as in images / 255")
    return images.astype(jnp.promote_types(images.dtype, jnp.float32))


def odd(size: int) -> int:
    """Returns the side of a window that has a pixel in its centre.

    Raises:
      ValueError: if it is even or less than 1.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a window of size {size}: give an odd number of pixels, 1 or more")
    return int(size)


def one_or_each(name: str, value: float | Array, count: int, dtype: DTypeLike) -> Array:
    """Returns a number for all images, dtype[], or one for each, dtype[count].

    Raises:
      ValueError: if there is not one and not one for each image.
    """
    value = jnp.asarray(value, dtype)
    if value.shape not in ((), (count,)):
        raise ValueError(f"{name} of shape {value.shape} for {count} images: give one, or one for each image")
    return value


def per_image(name: str, value: float | Array, images: Array) -> Array:
    """Returns a number, or one for each image, in the images' dtype and in a shape that broadcasts over them.

    Raises:
      ValueError: if there is not one and not one for each image.
    """
    return one_or_each(name, value, len(images), images.dtype).reshape(-1, 1, 1, 1)


def checked_mask(mask: Array, images: Array) -> Array:
    """Returns bool[batch, height, width, 1], true where pixels are missing.

    Args:
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
      images: float[batch, height, width, channel].
    Raises:
      ValueError: if the mask's shape does not belong to the images, or nothing of an image is known. The second is
        not seen under a transformation, where the mask has no values.
    """
    wanted = (*images.shape[:3], 1)
    if jnp.shape(mask) != wanted:
        raise ValueError(f"a mask of shape {jnp.shape(mask)} for images of shape {images.shape}: give {list(wanted)}")
    missing = jnp.asarray(mask) if jnp.asarray(mask).dtype == bool else jnp.asarray(mask) > 0.5
    if not isinstance(missing, jax.core.Tracer):
        empty = np.flatnonzero(np.asarray(missing).all((1, 2, 3)))
        if empty.size:
            raise ValueError(
                f"the mask of image {empty[0]} leaves nothing known: true marks the pixels that are missing"
            )
    return missing
