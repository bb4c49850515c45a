"""Applies a network to an image of any size tile by tile: the same values to round-off whatever the tiles.

A network's output near a tile's edge depends on how it pads. Every tile is therefore extended by the radius of the
network's receptive field and its output is cropped again; beyond the image's own border the image is reflected. So all
tiles agree, with each other and with a tile that holds the whole image, and memory is bounded. Any size is covered by
tiles of a few sizes, each of which is compiled once. Near the image's border, within the receptive field, the output
differs from the network's on the image alone, which pads with zeros.
"""

from collections.abc import Callable, Iterator

import numpy as np

from jaxgen.sampling import mirrored

SIDES = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sides of tiles without their margins, in pixels: they exceed a line of 64 or more by at most half."""

MAX_BYTES = 500e6
"""Memory of the activations of one tile."""
LIVE = 3
"""Memory of a network's activations as a multiple of those of its widest convolution: of the shipped ones 1.4 to 2.9,
by XLA's analysis of the programs for a CPU."""

Network = Callable[[np.ndarray], np.ndarray]


def divide(size_multiple: int) -> bool:
    """Returns whether the sides of all tiles are multiples of a number of pixels."""
    return not any(side % size_multiple for side in SIDES)


def reflected(begin: int, end: int, length: int) -> np.ndarray:
    """Returns int64[end − begin], the indices from begin to end, reflected into a line of some length."""
    return mirrored(np.arange(begin, end), length)


def tile_side(length: int, largest: int) -> int:
    """Returns the side of the tiles that cover a line, the smallest of `SIDES` that gives the fewest tiles.

    Args:
      length: of the line in pixels.
      largest: no tile is longer.
    """
    allowed = [side for side in SIDES if side <= largest]
    fewest = -(-length // allowed[-1])
    return next(side for side in allowed if side * fewest >= length)


def largest_side(activation_bytes: float, margin: int) -> int:
    """Returns the side of the largest tiles whose activations, margins included, take at most `MAX_BYTES`.

    Args:
      activation_bytes: of the widest convolution, for each pixel; 0: unknown.
      margin: pixels around a tile.
    """
    fitting = [side for side in SIDES if LIVE * activation_bytes * (side + 2 * margin) ** 2 <= MAX_BYTES]
    return max(fitting, default=SIDES[0])


def joined(image: np.ndarray, channel: np.ndarray | None) -> np.ndarray:
    """Returns an image [height, width, c] with one more channel [height, width, 1], or itself without."""
    return image if channel is None else np.concatenate([image, channel], -1)


def corners(height: int, width: int, tall: int, wide: int) -> Iterator[tuple[int, int]]:
    """Yields the upper left corner of each tile, row by row."""
    for top in range(0, height, tall):
        for left in range(0, width, wide):
            yield top, left


def apply_by_tiles(
    network: Network,
    image: np.ndarray,
    condition: np.ndarray | None = None,
    *,
    radius: int,
    size_multiple: int,
    scale: int = 1,
    largest_tile: int = SIDES[-1],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Returns a network's output for an image, computed tile by tile.

    Args:
      network: float32[1, h, w, c] -> float32[1, scale · h, scale · w, k], compiled for each size.
      image: float32[height, width, c].
      condition: float32[height, width, 1], one more channel behind the image's; or None.
      radius: of the network's receptive field in pixels; see `jaxgen.nn.receptive_field`.
      size_multiple: shifts by as many pixels commute with the network.
      scale: size of the output as a multiple of the input's.
      largest_tile: side of the largest tile without its margin, in pixels. It bounds the memory and never changes the
        result.
      progress: takes the number of tiles done and the number of all tiles.
    Returns:
      float32[scale · height, scale · width, k].
    Raises:
      ValueError: if the image is empty, no tile is as small as `largest_tile`, or tiles are no multiples of
        `size_multiple`.
    """
    height, width = image.shape[:2]
    if not image.size:
        raise ValueError(f"an image of {height}×{width} pixels: give at least one")
    if largest_tile < SIDES[0]:
        raise ValueError(f"tiles of {largest_tile} pixels: give {SIDES[0]} or more")
    if not divide(size_multiple):
        raise ValueError(f"a size_multiple of {size_multiple} pixels: give a divisor of 32")
    # A multiple, so that a tile starts at the same phase of the network's strides as the image.
    margin = -(-radius // size_multiple) * size_multiple
    tall, wide = tile_side(height, largest_tile), tile_side(width, largest_tile)
    tiles = list(corners(height, width, tall, wide))
    result: np.ndarray | None = None
    for index, (top, left) in enumerate(tiles):
        rows = reflected(top - margin, top + tall + margin, height)
        columns = reflected(left - margin, left + wide + margin, width)
        window = np.ix_(rows, columns)
        tile = joined(image[window], None if condition is None else condition[window])
        output = np.asarray(network(tile[None]))[0]
        inner = output[scale * margin :, scale * margin :]
        if result is None:
            result = np.empty((scale * height, scale * width, output.shape[-1]), output.dtype)
        part = result[scale * top : scale * (top + tall), scale * left : scale * (left + wide)]
        part[...] = inner[: part.shape[0], : part.shape[1]]
        progress(index + 1, len(tiles))
    assert result is not None, "an image has at least one tile"
    return result
