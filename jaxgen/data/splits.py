"""Which images are trained on and which are held out, for sources that do not say so themselves."""

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxgen.errors import UsageError, unknown

HoldOut = Literal["name", "order"]


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
    return choose(index % every == min(every, count) - 1, split, every)


def held_out_by_name(names: Sequence[str], split: str, every: int = 10) -> np.ndarray:
    """Returns the images of a split: those whose name's hash is below a bound are "test", the others are "train".

    Where new names are added, none that was in "train" comes into "test". Where no hash is below the bound the smallest
    one is held out, until a smaller one is added.

    Args:
      names: of the images, all different.
      split: "train", "test", or "all".
      every: one image in this many is held out, on average.
    Returns:
      int64[n], increasing.
    Raises:
      UsageError: if there is no such split, or no image in it.
    """
    digests = (hashlib.sha256(name.encode(errors="surrogateescape")).digest() for name in names)
    hashes = np.array([int.from_bytes(digest[:8], "big") for digest in digests], np.uint64)
    bound = max(np.uint64(2**64 // every), hashes.min())
    return choose(hashes <= bound, split, every)


def choose_held_out(names: Sequence[str], split: str, rule: HoldOut) -> np.ndarray:
    """Returns the images of a split by one of two rules: `held_out_by_name`, or `held_out` in the order of names."""
    return held_out_by_name(names, split) if rule == "name" else held_out(len(names), split)


def choose(is_test: np.ndarray, split: str, every: int) -> np.ndarray:
    """Returns the indices of a split.

    Args:
      is_test: bool[n].
      split: "train", "test", or "all".
      every: one image in this many is held out, for the error.
    """
    index = np.arange(len(is_test))
    splits = {"train": index[~is_test], "test": index[is_test], "all": index}
    if split not in splits:
        raise unknown("split", split, splits)
    if not len(splits[split]):
        raise UsageError(f"no image for split {split!r}: of {len(index)} images, one in {every} is held out as test")
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
