"""Labels held to the number of classes that a configuration gives."""

import numpy as np

from jaxgen.data.config import Config
from jaxgen.errors import UsageError


def check(label: np.ndarray | None, config: Config, where: str = "") -> None:
    """Raises where labels are wanted and missing, or outside the classes.

    Args:
      label: integer[n] or integer[], None where there is none.
      config: its `classes` counts, and its `name` names the data in the error.
      where: whose label it is; empty: the first of them that is wrong is named by its number.
    Raises:
      UsageError: in one line.
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


def check_share(label: np.ndarray | None, config: Config) -> None:
    """Raises UsageError where a share of the images leaves a class without any.

    Args:
      label: integer[n] of the images that are left, None where there is none.
      config: its `share` and `classes` count.
    """
    if label is None or config.share == 1 or not config.classes:
        return
    missing = sorted(set(range(config.classes)) - set(np.unique(label).tolist()))
    if missing:
        raise UsageError(
            f"share {config.share:g} leaves {len(label)} images and none of class {missing[0]}: raise data.share, or "
            "choose another data.seed"
        )
