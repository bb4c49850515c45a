"""Checks of labels against the configured number of classes."""

from collections.abc import Sequence

import numpy as np

from jaxgen.data.config import Config
from jaxgen.errors import UsageError

MAX_NAMED = 10
"""Classes that an error names."""


def check(label: np.ndarray | None, config: Config, where: str = "") -> None:
    """Raises where labels are required and missing, or outside the classes.

    Args:
      label: integer[n] or integer[], None where there is none.
      config: its `classes` counts, and its `name` names the data in the error.
      where: name of the example; empty: the first wrong one is named by its number.
    Raises:
      UsageError: if a label is missing or out of range.
    """
    if not config.classes:
        return
    if label is None:
        raise UsageError(
            f"the data set {config.name} has no labels, and {config.classes} classes are asked for: "
            "give data that have them, or leave data.classes at 0"
        )
    label = np.ravel(label)
    wrong = np.flatnonzero((label < 0) | (label >= config.classes))
    if len(wrong):
        raise UsageError(
            f"{where or f'image {wrong[0]}'} has label {label[wrong[0]]}, outside the {config.classes} classes from 0 "
            f"to {config.classes - 1}: set data.classes to the number of classes, or correct the label"
        )


def check_number(names: Sequence[str], config: Config, where: str) -> None:
    """Raises UsageError where there are names of classes, and another number of classes is asked for.

    Args:
      names: of the classes; empty where they have none.
      config: its `classes` count; 0 is any number.
      where: the folder or file, for the error.
    """
    if names and config.classes not in {0, len(names)}:
        listed = ", ".join([*names[:MAX_NAMED], *(["…"] if len(names) > MAX_NAMED else [])])
        raise UsageError(
            f"{where} has {len(names)} classes ({listed}), and {config.classes} are asked for: set data.classes to "
            f"{len(names)}"
        )


def check_all_there(label: np.ndarray | None, config: Config) -> None:
    """Raises UsageError where a class has no image to train on; held-out images need not be of all classes.

    Args:
      label: integer[n] of the images, None where there is none.
      config: its `classes`, `split` and `fraction` count.
    """
    if label is None or not config.classes or config.split == "test":
        return
    missing = np.setdiff1d(np.arange(config.classes), label)
    if len(missing):
        raise UsageError(f"{left(len(label), config)} none of class {missing[0]}: {remedy(config)}")


def check_enough(count: int, config: Config) -> None:
    """Raises UsageError where there are fewer images than classes, whose labels need not be read for that."""
    if count < config.classes and config.split != "test":
        raise UsageError(f"{left(count, config)} not one for each of {config.classes} classes: {remedy(config)}")


def left(count: int, config: Config) -> str:
    """Returns how many images there are and why, in words that go on with which ones are missing."""
    option = f"fraction {config.fraction:g}" if config.fraction < 1 else f"split {config.split}"
    return f"{option} leaves {count} images and"


def remedy(config: Config) -> str:
    """Returns what to do about a class without images."""
    if config.fraction < 1:
        return "raise data.fraction, or choose another data.seed"
    more = ", or raise data.samples" if config.from_run else ""
    return f"set data.classes to the number of classes, or choose a larger data.split{more}"
