"""Which image sizes a network can take, and the one-line error for the others."""

from typing import NamedTuple

from jaxgen.errors import UsageError

BASES = (4, 7)
LARGEST = 512


class Pyramid(NamedTuple):
    """A square image as a small map doubled in size again and again."""

    base: int
    doublings: int


PYRAMIDS = {
    base << doublings: Pyramid(base, doublings)
    for base in BASES
    for doublings in range(1, LARGEST.bit_length())
    if base << doublings <= LARGEST
}


def pyramid(height: int, width: int, network: str) -> Pyramid:
    """Returns how often a square image was doubled from a map of 4×4 or 7×7 pixels.

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
            f"image size {height}x{width}: {network} takes square images of {sides} pixels; "
            "set data.size to one of them"
        )
    return PYRAMIDS[height]


def require_multiple(height: int, width: int, factor: int, network: str) -> None:
    """Raises where height or width is not a positive multiple of a factor.

    Args:
      height: pixels.
      width: pixels.
      factor: by what the network divides the image's sides.
      network: the network's name, for the error.
    Raises:
      UsageError: in one line.
    """
    if min(height, width) < factor or height % factor or width % factor:
        raise UsageError(
            f"image size {height}x{width}: {network} takes sides that are multiples of {factor} pixels; "
            "set data.size to one of them"
        )
