"""Pictures of any size by tiles of few sizes: the same values to round-off whatever the tiles, in bounded memory.

A network's output near a tile's edge depends on what the network takes to be beyond it. Every tile therefore carries as
many pixels more as the network reaches, and loses them again; beyond the picture's own border its reflection goes on.
So all tiles agree, with each other and with one that holds the whole picture, and any size can be cut into tiles of a
few sizes, each of which is compiled once. Within the network's reach of the border that is not what the network makes
of the picture alone, around which it takes zeros to be.
"""

from collections.abc import Callable, Iterator

import numpy as np

from jaxgen.sampling import mirrored

SIDES = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sides of tiles without their margins, in pixels: a line of 64 or more takes at most half as much again."""

Network = Callable[[np.ndarray], np.ndarray]


def fit(multiple: int) -> bool:
    """Returns whether tiles of every side are whole multiples of the pixels after which a network repeats."""
    return not any(size % multiple for size in SIDES)


def reflected(begin: int, end: int, length: int) -> np.ndarray:
    """Returns int64[end − begin], the pixel of a line that stands for each place, which may lie beyond its ends."""
    return mirrored(np.arange(begin, end), length)


def side(length: int, largest: int) -> int:
    """Returns the side of the tiles that cover a line, the smallest of `SIDES` with the fewest tiles.

    Args:
      length: of the line in pixels.
      largest: no tile is longer.
    """
    allowed = [size for size in SIDES if size <= largest]
    fewest = -(-length // allowed[-1])
    return next(size for size in allowed if size * fewest >= length)


def corners(height: int, width: int, tall: int, wide: int) -> Iterator[tuple[int, int]]:
    """Yields the upper left corner of each tile, line by line."""
    for top in range(0, height, tall):
        for left in range(0, width, wide):
            yield top, left


def tiled(
    network: Network,
    image: np.ndarray,
    *,
    reach: int,
    multiple: int,
    scale: int = 1,
    largest: int = SIDES[-1],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Returns what a network makes of a picture, tile by tile.

    Args:
      network: (float32[1, h, w, c]) -> float32[1, scale · h, scale · w, k], compiled for each size that it meets.
      image: float32[height, width, c].
      reach: how far away a pixel can change the network's output, in pixels; see `models.reach`.
      multiple: the network is the same at places that are so many pixels apart; see `models.reach`.
      scale: how many times as large as its input the network's output is.
      largest: side of the largest tile without its margin, in pixels. It sets the memory, never the result.
      progress: takes the number of tiles done and that of all.
    Returns:
      float32[scale · height, scale · width, k].
    Raises:
      ValueError: if the picture has no pixel, no tile is as small as `largest`, or tiles are no multiple of `multiple`.
    """
    height, width = image.shape[:2]
    if not image.size:
        raise ValueError(f"a picture of {height}×{width} pixels: it must have at least one")
    if largest < SIDES[0]:
        raise ValueError(f"tiles of {largest} pixels: give {SIDES[0]} or more")
    if not fit(multiple):
        raise ValueError(f"a network that repeats every {multiple} pixels: tiles fit those that divide 32")
    # The margin keeps the phase of a network with strides.
    margin = -(-reach // multiple) * multiple
    tall, wide = side(height, largest), side(width, largest)
    places = list(corners(height, width, tall, wide))
    whole = None
    for done, (top, left) in enumerate(places):
        rows = reflected(top - margin, top + tall + margin, height)
        columns = reflected(left - margin, left + wide + margin, width)
        begin, bottom, right = (scale * place for place in (margin, margin + tall, margin + wide))
        made = np.asarray(network(image[np.ix_(rows, columns)][None]))[0, begin:bottom, begin:right]
        if whole is None:
            whole = np.empty((scale * height, scale * width, made.shape[-1]), made.dtype)
        part = whole[scale * top : scale * (top + tall), scale * left : scale * (left + wide)]
        part[...] = made[: part.shape[0], : part.shape[1]]
        progress(done + 1, len(places))
    return whole
