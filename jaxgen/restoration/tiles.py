"""Applies a network to an image of any size tile by tile: the same values to round-off whatever the tiles.

A network's output near a tile's edge depends on how it pads. Every tile is therefore extended by the radius of the
network's receptive field and its output is cropped again; beyond the image's own border the image is reflected. So all
tiles agree, with each other and with a tile that holds the whole image, and memory is bounded. Any size is covered by
tiles of a few sizes, each of which is compiled once. Near the image's border, within the receptive field, the output
differs from the network's on the image alone, which pads with zeros.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

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


def widened(begin: int, length: int, margin: int) -> slice:
    """Returns the part of a line that begins somewhere and has some length, with a margin on both sides."""
    return slice(max(begin - margin, 0), begin + length + margin)


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


def bands_of_tiles(
    network: Network,
    image: np.ndarray,
    condition: np.ndarray | None = None,
    *,
    radius: int,
    size_multiple: int,
    scale: int = 1,
    largest_tile: int = SIDES[-1],
    max_distance: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[np.ndarray]:
    """Yields a network's output for an image from above, a row of tiles at a time.

    The rows of the image that belong to what was yielded may be overwritten before the next is asked for.

    Args:
      network: float32[1, h, w, c] -> float32[1, scale · h, scale · w, k], compiled for each size.
      image: float32[height, width, c].
      condition: float32 or bool[height, width, 1], one more channel behind the image's; or None.
      radius: of the network's receptive field in pixels; see `jaxgen.nn.receptive_field`.
      size_multiple: shifts by as many pixels commute with the network.
      scale: size of the output as a multiple of the input's.
      largest_tile: side of the largest tile without its margin, in pixels. It bounds the memory and never changes the
        result.
      max_distance: pixels; tiles that are further from all pixels whose condition is not 0 are left as they are. For a
        network whose output has the image's size and channels. None: it is applied to all tiles.
      progress: takes the number of tiles done and the number of all tiles.
    Yields:
      float32[scale · rows, scale · width, k], the last one with fewer rows.
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
    total, done = -(-height // tall) * -(-width // wide), 0
    above = image[:0]  # The last rows of the image above a row of tiles, since the caller may have overwritten them.
    for top in range(0, height, tall):
        rows, kept = reflected(top - margin, top + tall + margin, height), min(tall, height - top)
        # Rows reflected further up than the margin are in no receptive field.
        is_above = (rows < top) & (rows >= top - len(above))
        rows_above = rows[is_above] - (top - len(above))
        band: np.ndarray | None = None
        for left in range(0, width, wide):
            columns = reflected(left - margin, left + wide + margin, width)
            window, part = np.ix_(rows, columns), slice(scale * left, scale * (left + wide))
            around = widened(top, tall, max_distance or 0), widened(left, wide, max_distance or 0)
            if condition is not None and max_distance is not None and not condition[around].any():
                output = image[top : top + kept, left : left + wide]
            else:
                tile = image[window]
                tile[is_above] = above[np.ix_(rows_above, columns)]
                output = network(joined(tile, None if condition is None else condition[window])[None])[0]
                output = output[scale * margin :, scale * margin :][: scale * kept, : scale * min(wide, width - left)]
            if band is None:
                band = np.empty((scale * kept, scale * width, output.shape[-1]), output.dtype)
            band[:, part] = output
            done += 1
            progress(done, total)
        above = np.concatenate([above, image[max(top + kept - margin, top) : top + kept]])
        above = above[max(len(above) - margin, 0) :]
        assert band is not None, "a row has at least one tile"
        yield band


def apply_by_tiles(
    network: Network, image: np.ndarray, condition: np.ndarray | None = None, *, scale: int = 1, **options: Any
) -> np.ndarray:
    """Returns a network's output for an image, computed tile by tile, float32[scale · height, scale · width, k].

    Args:
      network, image, condition, scale, options: see `bands_of_tiles`.
    """
    return stacked(bands_of_tiles(network, image, condition, scale=scale, **options), scale * image.shape[0])


def stacked(bands: Iterable[np.ndarray], height: int, out: np.ndarray | None = None) -> np.ndarray:
    """Returns the array[height, width, k] of which bands are the rows from above.

    Args:
      bands: [rows, width, k] each.
      height: number of all rows.
      out: array that is overwritten; perhaps the image of `bands_of_tiles`. None: a new one.
    """
    top = 0
    for band in bands:
        if out is None:
            out = band if len(band) == height else np.empty((height, *band.shape[1:]), band.dtype)
        out[top : top + len(band)] = band
        top += len(band)
    assert out is not None, "an image has at least one row"
    return out
