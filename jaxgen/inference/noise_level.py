"""The level of noise in a picture of any size, from windows spread over it."""

from collections.abc import Callable

import numpy as np

from jaxgen.inference.tiles import reflected

SIDE = 128
MOST = 4


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


def estimate(network: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> float:
    """Returns the standard deviation of white noise in a picture, the median over its windows and channels.

    Args:
      network: (float32[n, SIDE, SIDE, 1]) -> float32[n], standard deviation; see `models.noise_level`.
      image: float32[height, width, channel] in [0, 1].
    """
    seen = windows(image).transpose(0, 3, 1, 2).reshape(-1, SIDE, SIDE, 1)
    # One window at a time: the number of windows is another for every size, and each would be compiled.
    return float(np.median([network(window[None])[0] for window in seen]))
