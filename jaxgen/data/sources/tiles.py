"""Pictures of different sizes cut into overlapping tiles of one size, in which windows are then taken at random."""

import numpy as np

Size = tuple[int, int]
"""Height and width in pixels."""


def tile_size(window: Size, smallest: Size) -> Size:
    """Returns how large the tiles are: twice the window, as far as the smallest image allows.

    Args:
      window: its size.
      smallest: the smallest height and the smallest width of all images, at least those of the window.
    """
    height, width = window
    if 2 * height <= smallest[0] and 2 * width <= smallest[1]:
        return 2 * height, 2 * width
    # Of the shape of the window: as many times as large as fits in both directions.
    tall, wide = smallest[0], smallest[0] * width // height
    return (tall, wide) if wide <= smallest[1] else (smallest[1] * height // width, smallest[1])


def corners(image: Size, tile: Size, window: Size) -> list[tuple[int, int]]:
    """Returns the upper left corners of tiles that cover an image, evenly spaced.

    Tiles begin at most their difference from the window apart, so that one of them contains every window. Where they
    are hardly larger than the window that would be nearly every pixel, and they begin half a window apart instead.

    Args:
      image: its size, at least that of a tile.
      tile: its size, at least that of a window.
      window: its size.
    Returns:
      (top, left) of each tile.
    """

    def line(length: int, side: int, size: int) -> list[int]:
        stride = max(side - size, size // 2, 1)
        count = -(-(length - side) // stride) + 1
        return np.linspace(0, length - side, count).round().astype(int).tolist()

    rows, columns = (line(*lengths) for lengths in zip(image, tile, window, strict=True))
    return [(top, left) for top in rows for left in columns]
