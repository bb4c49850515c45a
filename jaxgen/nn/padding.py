"""Images made larger until a network can take them, and cut back: how every size becomes possible."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from jaxgen.sampling import mirrored


def pad_to_multiple(images: Array, multiple: int, mode: str = "reflect") -> Array:
    """Returns images padded at the bottom and the right until both sides are multiples of a number.

    Top and left stay, so that what a strided network does to a pixel depends on its place in the image alone.

    Args:
      images: float[batch, height, width, channel].
      multiple: of pixels.
      mode: "reflect" (about the last pixel, which is not repeated; where an image has too few pixels for that, its last
        one is repeated) or "edge" (the last pixel repeated).
    Returns:
      float[batch, ⌈height / multiple⌉ · multiple, ⌈width / multiple⌉ · multiple, channel].
    """
    for axis in (1, 2):
        side = images.shape[axis]
        missing = -side % multiple
        if not isinstance(side, int):
            images = images.take(places(side, -multiple * (-side // multiple), mode), axis)
        elif missing:
            pads = [(0, 0)] * images.ndim
            pads[axis] = (0, missing)
            images = jnp.pad(images, pads, mode if missing < side else "edge")
    return images


def places(side, padded, mode: str) -> Array:
    """Returns which pixel of a line stands at each place of the padded one, int32[padded].

    Args:
      side: of the line, a symbol of an exported program.
      padded: its length after padding, another one; `-multiple * (-side // multiple)` is seen to be a multiple, the sum
        of the side and what it misses is not.
      mode: see `pad_to_multiple`.
    """
    wanted, length = jnp.arange(padded), jnp.asarray(side)
    repeated = jnp.minimum(wanted, length - 1)
    if mode == "edge":
        return repeated
    return jnp.where(jnp.asarray(padded) < 2 * length, mirrored(wanted, length), repeated)


def crop(images: Array, size: Sequence[int]) -> Array:
    """Returns the top left (height, width) pixels of images: what `pad_to_multiple` was given."""
    return images[:, : size[0], : size[1]]
