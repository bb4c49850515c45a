"""Pictures of different sizes cut into overlapping tiles of one size, in which windows are then taken at random."""

import numpy as np


def tile_side(size: int, smallest: int) -> int:
    """Returns how large the tiles are: twice the window, as far as the smallest image allows.

    Args:
      size: height and width of the window in pixels.
      smallest: the shortest side of all the images in pixels.
    """
    return min(2 * size, smallest)


def corners(height: int, width: int, side: int, size: int) -> list[tuple[int, int]]:
    """Returns the upper left corners of tiles that cover an image, evenly spaced.

    Tiles begin at most `side - size` pixels apart, so that one of them contains every window; where tiles are
    hardly larger than the window that would be nearly every pixel, and they begin half a window apart instead.

    Args:
      height: of the image in pixels, at least `side`.
      width: of the image in pixels, at least `side`.
      side: of a tile in pixels.
      size: of a window in pixels, at most `side`.
    Returns:
      (top, left) of each tile.
    """
    stride = max(side - size, size // 2, 1)

    def line(length: int) -> list[int]:
        count = -(-(length - side) // stride) + 1
        return np.linspace(0, length - side, count).round().astype(int).tolist()

    return [(top, left) for top in line(height) for left in line(width)]
