"""The average over the eight views of a picture: it and its mirror image, each turned by quarters."""

from collections.abc import Callable, Iterator

import numpy as np

VIEWS = 8


def views(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yields a picture [height, width, channel] turned by 0, 1, 2 and 3 quarters, then its mirror image the same."""
    for mirrored in (image, image[:, ::-1]):
        for quarters in range(4):
            yield np.rot90(mirrored, quarters)


def upright(view: np.ndarray, index: int) -> np.ndarray:
    """Returns the picture of which a view was the index-th that `views` yields."""
    turned = np.rot90(view, -(index % 4))
    return turned[:, ::-1] if index >= 4 else turned


def self_ensemble(restore: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Returns the mean of what a network makes of a picture's eight views.

    Args:
      restore: (float32[h, w, c]) -> float32[h, w, k].
      image: float32[height, width, c].
    Returns:
      float32[height, width, k].
    Reference: Timofte, Rothe, Van Gool 2016, section 3.6; Lim et al. 2017, section 3.3.
    """
    return sum(upright(restore(view), index) for index, view in enumerate(views(image))) / np.float32(VIEWS)
