"""Pads images to a size that a network supports, and crops its output."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from jaxgen.sampling import mirrored


def pad_to_multiple(images: Array, multiple: int, mode: str = "reflect") -> Array:
    """Returns images padded at the bottom and the right until both sides are multiples of a number.

    Top and left stay, so that a strided network's output at a pixel depends on its position, not on the padding.

    Args:
      images: float[batch, height, width, channel].
      multiple: in pixels.
      mode: "reflect" (about the last pixel, which is not repeated; where an image has too few pixels for that, its last
        one is repeated) or "edge" (the last pixel repeated).
    Returns:
      float[batch, ⌈height / multiple⌉ · multiple, ⌈width / multiple⌉ · multiple, channel].
    """
    for axis in (1, 2):
        side = images.shape[axis]
        missing = -side % multiple
        if not isinstance(side, int):
            images = images.take(source_indices(side, -multiple * (-side // multiple), mode), axis)
        elif missing:
            pads = [(0, 0)] * images.ndim
            pads[axis] = (0, missing)
            images = jnp.pad(images, pads, mode if missing < side else "edge")
    return images


def source_indices(side, padded, mode: str) -> Array:
    """Returns the index of the pixel that is copied to each position of a padded line, int32[padded].

    Args:
      side: length of the line, a symbolic size of an exported program.
      padded: its length after padding. JAX recognises `-multiple * (-side // multiple)` as a multiple, but not the sum
        of the side and the missing pixels.
      mode: see `pad_to_multiple`.
    """
    position, length = jnp.arange(padded), jnp.asarray(side)
    repeated = jnp.minimum(position, length - 1)
    if mode == "edge":
        return repeated
    return jnp.where(jnp.asarray(padded) < 2 * length, mirrored(position, length), repeated)


def crop(images: Array, size: Sequence[int]) -> Array:
    """Returns the top left (height, width) pixels of images, which inverts `pad_to_multiple`."""
    return images[:, : size[0], : size[1]]
