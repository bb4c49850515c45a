"""Luma of RGB images."""

import jax.numpy as jnp
from jax import Array

from jaxgen.losses.per_example import Images, promoted


def to_luma(images: Images) -> Array:
    """Converts RGB to BT.601 luma in the studio range (16 to 235 of 255), as in super-resolution tables.

    Args:
      images: float[batch, height, width, 3], RGB in [0, 1].
    Returns:
      float[batch, height, width, 1] in [16/255, 235/255].
    Raises:
      ValueError: if there are not three channels.
    Reference: Recommendation ITU-R BT.601, with the coefficients of MATLAB's rgb2ycbcr, which published tables use.
    """
    if jnp.shape(images)[-1] != 3:
        raise ValueError(f"images of shape {jnp.shape(images)}: give three channels, RGB")
    red, green, blue = jnp.split(promoted(images), 3, axis=-1)
    return (65.481 * red + 128.553 * green + 24.966 * blue + 16) / 255


def to_gray(images: Images) -> Array:
    """Converts RGB to BT.601 luma in the full range, as MATLAB's rgb2gray; one channel stays as it is.

    Args:
      images: float[batch, height, width, 1 or 3].
    Returns:
      float[batch, height, width, 1] in the images' range.
    Raises:
      ValueError: if there is another number of channels.
    Reference: Recommendation ITU-R BT.601.
    """
    if jnp.ndim(images) != 4 or jnp.shape(images)[-1] not in (1, 3):
        raise ValueError(f"images of shape {jnp.shape(images)}: give [batch, height, width, 1 or 3]")
    if jnp.shape(images)[-1] == 1:
        return promoted(images)
    red, green, blue = jnp.split(promoted(images), 3, axis=-1)
    return 0.299 * red + 0.587 * green + 0.114 * blue
