"""Checks of the image sizes that a network supports."""

from typing import NamedTuple

from jaxgen.errors import UsageError

BASE_SIZES = (4, 7)
MAX_SIZE = 512
ANY_SQUARE = ("gan_mlp", "conv_gan", "vae", "conv_vae")
"""Experiments whose networks make square images of any size, to be named in errors."""


class Pyramid(NamedTuple):
    """The size of a square image as that of a small feature map, doubled several times."""

    base: int
    doublings: int


PYRAMIDS = {
    base << doublings: Pyramid(base, doublings)
    for base in BASE_SIZES
    for doublings in range(1, MAX_SIZE.bit_length())
    if base << doublings <= MAX_SIZE
}


def pyramid(height: int, width: int, network: str) -> Pyramid:
    """Returns the base size, 4 or 7 pixels, and the number of doublings that give a square image.

    Args:
      height: pixels.
      width: pixels.
      network: the network's name, for the error.
    Returns:
      Pyramid: 28 is 7 doubled twice, 64 is 4 doubled four times.
    Raises:
      UsageError: if the image is not square, or its side is not 4 or 7 times a power of two.
    """
    if height != width or height not in PYRAMIDS:
        sides = ", ".join(str(side) for side in sorted(PYRAMIDS))
        raise UsageError(
            f"image size {height}x{width}: {network} takes square images of {sides} pixels; set data.size to one of "
            f"them, or train {', '.join(ANY_SQUARE[:-1])} or {ANY_SQUARE[-1]}, which take any square"
        )
    return PYRAMIDS[height]


def require_multiple(height: int, width: int, factor: int, network: str) -> None:
    """Raises where height or width is not a positive multiple of a factor.

    Args:
      height: pixels.
      width: pixels.
      factor: the factor by which the network downsamples.
      network: the network's name, for the error.
    Raises:
      UsageError: if either is not.
    """
    if min(height, width) < factor or height % factor or width % factor:
        raise UsageError(
            f"image size {height}x{width}: {network} takes sides that are multiples of {factor} pixels; "
            "set data.size to one of them"
        )
