"""Estimates how strong the noise of an image of any size is."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from jaxgen.restoration.tiles import reflected

GREY_LEVELS = 255
WINDOW = 128
"""Side of a window, in pixels."""
WINDOWS_PER_SIDE = 4
MAX_CLIPPED = 0.05
"""Fraction of a window's values that may be clipped: at 0.2, noise of σ 25 on white backgrounds was estimated as 16."""
QUANTILE = 0.25
"""Quantile of the windows' estimates that is returned: texture is often taken for noise, noise hardly for texture."""


def estimate_noise(
    network: Callable[[np.ndarray], np.ndarray], image: np.ndarray, alpha: np.ndarray | None = None
) -> float:
    """Returns the standard deviation of white noise in an image, the lower quartile over windows and channels.

    Windows with many black or white pixels, as in margins and night skies, are left out where others have fewer. Of
    those with transparent pixels a visible square counts, reflected at its borders.

    Args:
      network: float32[n, WINDOW, WINDOW, 1] -> float32[n], standard deviation; see `NoiseEstimator`.
      image: float32[height, width, channel] in [0, 1].
      alpha: float32[height, width, 1] in [0, 1], the image's opacity, or None.
    """
    seen = windows(image) if alpha is None else visible_windows(image, alpha)
    candidates = seen.transpose(0, 3, 1, 2).reshape(-1, WINDOW, WINDOW)
    chosen = candidates[is_hardly_clipped(candidates)]
    # One window at a time: the number of windows depends on the image's size, and each number would be compiled.
    return float(np.quantile([network(window[None, :, :, None])[0] for window in chosen], QUANTILE))


def windows(image: np.ndarray) -> np.ndarray:
    """Returns float32[n, WINDOW, WINDOW, channel], windows spread evenly over an image, `WINDOWS_PER_SIDE` at most.

    An image smaller than a window is reflected at its borders.
    """
    corners = [
        np.linspace(0, max(length - WINDOW, 0), min(WINDOWS_PER_SIDE, -(-length // WINDOW))).round().astype(int)
        for length in image.shape[:2]
    ]
    return np.stack(
        [
            image[
                np.ix_(
                    reflected(top, top + WINDOW, image.shape[0]),
                    reflected(left, left + WINDOW, image.shape[1]),
                )
            ]
            for top in corners[0]
            for left in corners[1]
        ]
    )


def visible_windows(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Returns float32[n, WINDOW, WINDOW, channel], the largest visible square of each window, reflected.

    Squares of less than half of the largest one's side are left out. Where nothing is visible, one black window.

    Args:
      image: float32[height, width, channel].
      alpha: float32[height, width, 1], 0 where the image is transparent.
    """
    pairs = zip(windows(image), windows((alpha > 0).astype(np.float32)), strict=True)
    squares = [largest_square(window, visible[..., 0] > 0) for window, visible in pairs]
    largest = max(len(square) for square in squares)
    if not largest:
        return np.zeros((1, WINDOW, WINDOW, image.shape[-1]), np.float32)
    chosen = [square for square in squares if 2 * len(square) >= largest]
    places = [reflected(0, WINDOW, len(square)) for square in chosen]
    return np.stack([square[np.ix_(place, place)] for square, place in zip(chosen, places, strict=True)])


def largest_square(window: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Returns the largest square of a window[height, width, channel] that is visible everywhere; perhaps an empty one.

    Args:
      window: float32[side, side, channel].
      visible: bool[side, side].
    """
    if visible.all():
        return window
    # Steps in any of eight directions to the nearest pixel that is hidden or outside.
    steps = np.asarray(ndimage.distance_transform_cdt(np.pad(visible, 1), "chessboard"))[1:-1, 1:-1]
    row, column = np.unravel_index(steps.argmax(), steps.shape)
    inner = steps[row, column] - 1
    return window[row - inner : row + inner + 1, column - inner : column + inner + 1]


def is_hardly_clipped(candidates: np.ndarray) -> np.ndarray:
    """Returns bool[n], which of the windows float32[n, h, w] have few values clipped to 0 or 1, where noise is lost.

    Where all have many, those with the fewest.
    """
    clipped = ((candidates == 0) | (candidates == 1)).mean((1, 2))
    return clipped <= max(MAX_CLIPPED, clipped.min())
