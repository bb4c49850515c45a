"""Which images are trained on and which are held out, for sources that do not say so themselves."""

import math

import numpy as np

from jaxgen.errors import UsageError, unknown


def held_out(count: int, split: str, every: int = 10) -> np.ndarray:
    """Returns the images of a split: the last of every so many is "test", the others are "train".

    Of fewer than that the last one is held out.

    Args:
      count: number of images.
      split: "train", "test", or "all".
      every: one image in this many is held out.
    Returns:
      int64[n], increasing.
    Raises:
      UsageError: if there is no such split, or no image in it.
    """
    index = np.arange(count)
    is_test = index % every == min(every, count) - 1
    splits = {"train": index[~is_test], "test": index[is_test], "all": index}
    if split not in splits:
        raise unknown("split", split, splits)
    if not len(splits[split]):
        raise UsageError(f"no image for split {split!r}: of {count} images, one in {every} is held out as test")
    return splits[split]


def choose_fraction(count: int, fraction: float, split: str, seed: int) -> np.ndarray:
    """Returns the indices of a fraction of the images of a split; a smaller fraction is a part of a larger one.

    Args:
      count: number of images of the split.
      fraction: of them, in (0, 1], rounded up to whole images.
      split: the name of the split; "test" is always used in full.
      seed: of the choice.
    Returns:
      int64[n], increasing.
    """
    if fraction == 1 or split == "test":
        return np.arange(count)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[: math.ceil(fraction * count)])
