"""Estimates how strong the noise of an image of any size is."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from jaxgen.degradations.file_noise import LUMA_WEIGHTS
from jaxgen.restoration.tiles import reflected

GREY_LEVELS = 255
WINDOW = 128
"""Side of a window, in pixels."""
WINDOWS_PER_SIDE = 4
MAX_CLIPPED = 0.05
"""Fraction of a window's values that may be clipped: at 0.2, noise of σ 25 on white backgrounds was estimated as 16."""
MIN_NOISE, CERTAIN_NOISE, FAINT_NOISE = 1.5, 1.75, 0.5
"""Standard deviations in gray levels: from which noise counts as such, from which it has the level that it needs, and
to which estimates are raised in ratios."""
WHITE_RATIO, GRAINY_RATIO, MAX_RATIO = 1.7, 2.1, 4.0
"""Least ratio, over the windows, of twice the noise at half the size to the noise, up to which noise counts as white,
and from which as grain. On four training photographs it was 0.6 to 1.6 for white noise of σ 3 to 15, also in JPEG
files, and 1.7 to 3.0 for grain with a radius of 0.7 to 1.2 pixels and σ 5 to 15. Where the ratio of the levels exceeds
the last value, which was up to 3.7 for grain and 7 for fine texture, it is not grain."""
MAX_GRAIN = 6.0
"""Estimated standard deviation in gray levels above which noise is not grain: the network sees a third of it, and 5.2
at most was estimated of grain of σ 15."""
QUANTILE = 0.25
"""Quantile of the windows' estimates that is returned: texture is often taken for noise, noise hardly for texture."""


def estimate_noise(
    network: Callable[[np.ndarray], np.ndarray], image: np.ndarray, alpha: np.ndarray | None = None
) -> float:
    """Returns the level of the noise in an image that a denoiser of white noise needs.

    The standard deviation of the noise is the lower quartile of the network's estimates over windows and channels. Up
    to `MIN_NOISE` it is returned: it may be texture. Above, noise that the channels share, as in JPEG files, needs the
    level of independent noise with the same luma. Grain, which is correlated between pixels and looks like texture to
    the network, is found by its strength at half the size, and needs the level of white noise as strong there.

    Windows with many black or white pixels, as in margins and night skies, are left out where others have fewer. Of
    those with transparent pixels a visible square counts, reflected at its borders.

    Args:
      network: float32[n, side, side, 1] -> float32[n], standard deviation; see `NoiseEstimator`. Sides are `WINDOW` and
        half of it.
      image: float32[height, width, 1 or 3] in [0, 1].
      alpha: float32[height, width, 1] in [0, 1], the image's opacity, or None.
    """
    seen = windows(image) if alpha is None else visible_windows(image, alpha)
    if not (seen != seen[..., :1]).any():  # Gray, perhaps in three channels.
        seen = seen[..., :1]
    channels = seen.transpose(0, 3, 1, 2).reshape(-1, WINDOW, WINDOW)
    deviation = lower_quartile(estimates(network, channels[is_hardly_clipped(channels)]))
    certainty = float(np.clip((GREY_LEVELS * deviation - MIN_NOISE) / (CERTAIN_NOISE - MIN_NOISE), 0, 1))
    if not certainty:
        return deviation
    weights = np.asarray(LUMA_WEIGHTS if seen.shape[-1] == 3 else [1], np.float32)
    luma = seen[is_hardly_clipped(seen)] @ weights
    white = estimates(network, luma)
    at_half = 2 * estimates(network, luma.reshape(len(luma), WINDOW // 2, 2, WINDOW // 2, 2).mean((2, 4)))
    # Texture fills some windows, and grain all.
    ratio = (at_half / np.maximum(white, FAINT_NOISE / GREY_LEVELS)).min()
    graininess = float(np.clip((ratio - WHITE_RATIO) / (GRAINY_RATIO - WHITE_RATIO), 0, 1))
    is_texture = lower_quartile(at_half) > MAX_RATIO * lower_quartile(white)
    if is_texture or GREY_LEVELS * deviation > MAX_GRAIN:
        graininess = 0.0
    needed = (1 - graininess) * lower_quartile(white) + graininess * lower_quartile(at_half)
    return deviation + certainty * max(needed / float(np.linalg.norm(weights)) - deviation, 0.0)


def estimates(network: Callable[[np.ndarray], np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """Returns a network's estimates of windows float32[n, side, side], float[n]."""
    # One window at a time: the number of windows depends on the image's size, and each number would be compiled.
    return np.array([network(window[None, :, :, None])[0] for window in chosen])


def lower_quartile(values: np.ndarray) -> float:
    """Returns the lower quartile of the estimates of windows."""
    return float(np.quantile(values, QUANTILE))


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
    """Returns bool[n], which windows float32[n, ...] have few values clipped to 0 or 1, where noise is lost.

    Where all have many, those with the fewest.
    """
    clipped = ((candidates == 0) | (candidates == 1)).reshape(len(candidates), -1).mean(1)
    return clipped <= max(MAX_CLIPPED, clipped.min())
