"""Masks in files: white where a photograph is damaged."""

from pathlib import Path

import numpy as np

from jaxgen import images
from jaxgen.errors import UsageError

WHITE = 0.5


def mask_of(path: Path, masks: Path) -> Path:
    """Returns the file of a photograph's mask.

    Args:
      path: of the photograph.
      masks: the file itself, or a folder in which it has the photograph's name, whatever its suffix.
    Raises:
      UsageError: if there is none, or several.
    """
    if not masks.is_dir():
        return masks
    found = sorted(
        file for file in masks.iterdir() if file.stem == path.stem and file.suffix.lower() in images.SUFFIXES
    )
    if len(found) != 1:
        which = ", ".join(file.name for file in found) or "none"
        raise UsageError(f"{path}: one mask named {path.stem} must be in {masks}, and there is {which}")
    return found[0]


def read_mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a mask, float32[height, width, 1], 1 where its picture is white and 0 where it is black.

    Args:
      path: of the picture, any format that is read.
      shape: of the photograph, height and width first.
    Raises:
      UsageError: if it cannot be read, has another size, or marks nothing or all of the photograph.
    """
    mask = (images.read(path).mean(-1, keepdims=True) > WHITE).astype(np.float32)
    if mask.shape[:2] != shape[:2]:
        size, wanted = (f"{wide}×{high}" for high, wide in (mask.shape[:2], shape[:2]))
        raise UsageError(f"mask {path} is {size} pixels and the photograph {wanted}: give one of the photograph's size")
    if not mask.any():
        raise UsageError(f"mask {path} has nothing white: there is nothing to fill; paint white what is damaged")
    if mask.all():
        raise UsageError(f"mask {path} is white all over: nothing is left to go by; paint black what is to stay")
    return mask
