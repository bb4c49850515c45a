"""Masks in files: white where a photograph is damaged."""

from pathlib import Path

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io import images, photographs

WHITE = 0.5


def mask_of(path: Path, masks: Path) -> Path:
    """Returns the file of a photograph's mask.

    Args:
      path: of the photograph.
      masks: the file itself, or a folder in which it has the photograph's name, whatever its suffix.
    Raises:
      UsageError: if there is none, or several, or it is the photograph itself.
    """
    if not masks.is_dir():
        if masks.resolve() == path.resolve():
            raise UsageError(f"mask {masks} is the photograph itself: give a picture that is white where it is damaged")
        return masks
    found = sorted(
        file
        for file in masks.iterdir()
        if file.stem == path.stem and file.suffix.lower() in images.SUFFIXES and file.resolve() != path.resolve()
    )
    if len(found) != 1:
        which = ", ".join(file.name for file in found) or "none"
        raise UsageError(f"{path}: one mask named {path.stem} must be in {masks}, and there is {which}")
    return found[0]


def read_mask(path: Path, shape: tuple[int, ...], megapixels: float = photographs.MEGAPIXELS) -> np.ndarray:
    """Returns a mask, float32[height, width, 1], 1 where its picture is white and 0 where it is black or transparent.

    Args:
      path: of the picture, any format that is read.
      shape: of the photograph, height and width first.
      megapixels: the most that is read.
    Raises:
      UsageError: if it cannot be read, has another size, or marks nothing or all of the photograph.
    """
    painted = photographs.read(path, megapixels)
    light = painted.pixels.mean(-1, keepdims=True)
    mask = ((light if painted.alpha is None else light * painted.alpha) > WHITE).astype(np.float32)
    if mask.shape[:2] != shape[:2]:
        size, wanted = (f"{wide}×{high}" for high, wide in (mask.shape[:2], shape[:2]))
        raise UsageError(f"mask {path} is {size} pixels and the photograph {wanted}: give one of the photograph's size")
    if not mask.any():
        raise UsageError(
            f"mask {path} has nothing white: there is nothing to fill; paint what is damaged in white (255)"
        )
    if mask.all():
        raise UsageError(f"mask {path} is white all over: nothing is left to go by; paint black what is to stay")
    return mask
