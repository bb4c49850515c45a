"""The level of noise in a picture of any size, from windows spread over it."""

from collections.abc import Callable

import numpy as np

from jaxgen.restoration.tiles import reflected

SIDE = 128
MOST = 4
MOST_CUT = 0.05
"""Share of a window's values that may be cut: at 0.2 white backgrounds with noise of σ 25 told some 16."""
LOW = 0.25
"""Quantile of the windows' levels that is told: texture is taken for noise here and there, noise hardly for texture."""


def windows(image: np.ndarray) -> np.ndarray:
    """Returns float32[n, SIDE, SIDE, channel], windows spread evenly over a picture, at most `MOST` along a side.

    A picture smaller than a window is reflected at its borders.
    """
    starts = [
        np.linspace(0, max(length - SIDE, 0), min(MOST, -(-length // SIDE))).round().astype(int)
        for length in image.shape[:2]
    ]
    return np.stack(
        [
            image[
                np.ix_(
                    reflected(top, top + SIDE, image.shape[0]),
                    reflected(left, left + SIDE, image.shape[1]),
                )
            ]
            for top in starts[0]
            for left in starts[1]
        ]
    )


def is_telling(seen: np.ndarray) -> np.ndarray:
    """Returns bool[n], which of some windows float32[n, h, w] show noise, which is lost where values are cut.

    Where too many are cut in all of them, those with the fewest.
    """
    cut = ((seen == 0) | (seen == 1)).mean((1, 2))
    return cut <= max(MOST_CUT, cut.min())


def estimate(network: Callable[[np.ndarray], np.ndarray], image: np.ndarray, alpha: np.ndarray | None = None) -> float:
    """Returns the standard deviation of white noise in a picture, the lower quartile of its windows and channels.

    Windows in which much is black, white or transparent, as in margins and night skies, are left out where others show
    more.

    Args:
      network: (float32[n, SIDE, SIDE, 1]) -> float32[n], standard deviation; see `models.noise_level`.
      image: float32[height, width, channel] in [0, 1].
      alpha: float32[height, width, 1] in [0, 1], the picture's opacity, or None.
    """
    visible = image if alpha is None else np.where(alpha > 0, image, 0)
    seen = windows(visible).transpose(0, 3, 1, 2).reshape(-1, SIDE, SIDE)
    chosen = seen[is_telling(seen)]
    # One window at a time: the number of windows is another for every size, and each would be compiled.
    return float(np.quantile([network(window[None, :, :, None])[0] for window in chosen], LOW))
