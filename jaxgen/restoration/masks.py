"""Reads the masks of photographs: which of their pixels are damaged.

A mask is painted white on black, or in any color on a copy of the photograph. People paint with soft brushes: a pixel
that the brush only touched is damaged too, or it would show as a ghost around what was inpainted.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage

from jaxgen.errors import UsageError
from jaxgen.io import images, photographs
from jaxgen.io.photographs import Photograph

Color = Literal["white", "black"]
"""The color of the damage in a mask."""
ENDINGS = ("_mask", "-mask")
"""What the name of a photograph's mask may have behind that of the photograph."""
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif"})
COVERAGE = 8 / 255
"""How far in [0, 1] a pixel is from the background's color where the brush touched it."""
LOSSY_COVERAGE = 32 / 255
"""The same in a file that was compressed with loss, where the background is not quite even near a stroke."""
MAX_FRACTION = 0.5
"""Fraction of the photograph above which a mask is questioned: it may be inverted."""
EQUAL = 0.75 / 255
"""Distance in [0, 1] up to which a pixel of a copy without loss is that of the photograph: rounded to 8 bits."""
NEAR = 20 / 255
"""The same for a copy that was compressed with loss."""
MIN_SHADES = 0.01
"""Fraction of a copy that is neither black nor white: a mask has no more than the edges of its strokes."""
LOSSY_PAINT, LOSSY_EDGE = 64 / 255, 32 / 255
"""How far painted pixels are from the photograph's in a copy with loss: somewhere in a stroke, and at its edge."""
MIN_PAINT = 0.3
"""Fraction of the changed pixels of a copy that differ by `LOSSY_EDGE` or more, if it is one without loss."""


def belongs_to(mask: Path, names: Iterable[str]) -> bool:
    """Returns whether a file has the name of a mask of one of several photographs, as in photo_mask.png.

    Args:
      mask: path of the file.
      names: of the photographs, with or without their suffixes.
    """
    stem = mask.stem.lower()
    stems = {stem.removesuffix(ending) for ending in ENDINGS if stem.endswith(ending)}
    return any(name.lower() in stems for name in names)


def find_mask(path: Path, masks: Path, subfolder: Path | None = None) -> Path:
    """Returns the file of a photograph's mask.

    Args:
      path: of the photograph.
      masks: the file itself, or a folder that holds one of the photograph's name, perhaps with an ending as in
        photo_mask.png or photo-mask.png, whatever its suffix. In the photograph's own folder it has such an ending.
      subfolder: of the folder of masks, where the photographs are in subfolders too.
    Raises:
      UsageError: if there is none, or several, or it is the photograph itself.
    """
    if not masks.is_dir():
        if masks.resolve() == path.resolve():
            raise UsageError(f"mask {masks} is the photograph itself: give an image that is white where it is damaged")
        return masks
    folder = masks / subfolder if subfolder else masks
    is_beside = folder.resolve() == path.parent.resolve()
    candidates = sorted(
        file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if file.suffix.lower() in images.SUFFIXES
        and (belongs_to(file, (path.stem, path.name)) or (file.stem == path.stem and not is_beside))
    )
    if len(candidates) != 1:
        which = ", ".join(file.name for file in candidates) or "none"
        stem = path.stem
        names = f"{stem}_mask" if is_beside else f"{stem} or {stem}_mask"
        raise UsageError(f"{path}: one mask named {names} must be in {folder}, and there is {which}")
    return candidates[0]


def read_mask(
    path: Path, pixels: np.ndarray, megapixels: float = photographs.MEGAPIXELS, color: Color | None = None
) -> np.ndarray:
    """Returns a mask, float32[height, width, 1], 1 where the photograph is damaged, else 0; see `mask_of`.

    Args:
      path: of the mask's image, in any format that Pillow reads.
      pixels: of the photograph, float32[height, width, 1 or 3].
      megapixels: size limit.
      color: of the damage in the mask; None: white, or that of the paint on a copy of the photograph.
    Raises:
      UsageError: if it cannot be read, or see `mask_of`.
    """
    image = photographs.read(path, megapixels)
    return mask_of(image, pixels, f"mask {path}", color, is_lossy=path.suffix.lower() in LOSSY_SUFFIXES)


def mask_of(
    image: Photograph, pixels: np.ndarray, name: str, color: Color | None = None, *, is_lossy: bool = False
) -> np.ndarray:
    """Returns the mask that an image shows, float32[height, width, 1], 1 where the photograph is damaged, else 0.

    Where the image has shades between black and white, as from a soft brush, the mask is a pixel wider. Transparent
    pixels are not damaged.

    Args:
      image: the mask.
      pixels: of the photograph, float32[height, width, 1 or 3].
      name: of the mask, for errors.
      color: of the damage in the mask; None: white, or that of the paint on a copy of the photograph.
      is_lossy: whether the image was compressed with loss.
    Raises:
      UsageError: if it has another size than the photograph, marks nothing or all of it, is the photograph itself, or
        marks more than half of it and no color is given.
    """
    check_size(image.pixels, pixels, name)
    if color is None:
        distance = largest_distance(image.pixels, pixels)
        if is_copy(image.pixels, distance):
            mask = painted(distance, is_lossy=is_lossy)
            if not mask.any():
                raise UsageError(f"{name} is the photograph itself: paint its damage white on black, or on a copy")
            return checked(mask, f"{name} differs from the photograph", "paint only the damage")
    coverage = image.pixels.max(-1) if color != "black" else 1 - image.pixels.min(-1)
    if image.alpha is not None:
        coverage = coverage * image.alpha[..., 0]
    return mask_of_coverage(coverage, name, color, LOSSY_COVERAGE if is_lossy else COVERAGE)


def mask_of_coverage(
    coverage: np.ndarray, name: str, color: Color | None = None, threshold: float = COVERAGE
) -> np.ndarray:
    """Returns the mask of what a brush touched, float32[height, width, 1], 1 there and else 0.

    Args:
      coverage: [0, 1][height, width], how much of the brush's color each pixel has.
      name: of the mask, for errors.
      color: of the damage in it, if that was given.
      threshold: coverage above which the brush touched a pixel.
    Raises:
      UsageError: see `mask_of`.
    """
    mask = coverage > threshold
    other = "black" if color == "black" else "white"
    if not mask.any():
        raise UsageError(f"{name} has no {other} pixel: paint damaged pixels {other}")
    if ((coverage > 0) & (coverage < coverage.max())).any():
        mask = dilated(mask)
    if mask.all() and (color is not None or coverage.min() > 1 - threshold):
        background = "white" if color == "black" else "black"
        raise UsageError(f"{name} is {other} everywhere: paint undamaged pixels {background}")
    advice = "give mask-color black if the damage is black in it, or mask-color white if that much is damaged"
    return checked(mask, f"{name} is white", advice) if color is None else mask[..., None].astype(np.float32)


def checked(mask: np.ndarray, statement: str, advice: str) -> np.ndarray:
    """Returns a mask as float32[height, width, 1].

    Args:
      mask: bool[height, width].
      statement: what is true of its pixels, for the error.
      advice: what to do, for the error.
    Raises:
      UsageError: if it marks more than half of the photograph.
    """
    if mask.mean() > MAX_FRACTION:
        raise UsageError(f"{statement} in {mask.mean():.0%} of its pixels: {advice}")
    return mask[..., None].astype(np.float32)


def mask_of_array(values: np.ndarray, pixels: np.ndarray, color: Color | None = None) -> np.ndarray:
    """Returns the mask in an array, float32[height, width, 1], 1 where the photograph is damaged, else 0.

    Args:
      values: float32[height, width, 1] in [0, 1].
      pixels: of the photograph, float32[height, width, 1 or 3].
      color: see `mask_of`.
    Raises:
      UsageError: if it is a map of probabilities, or see `mask_of`.
    """
    check_size(values, pixels, "mask")
    if ((values > 0) & (values < 1)).mean() > MAX_FRACTION:
        raise UsageError("mask with values between 0 and 1 in most places: give 1 where damaged, such as mask > 0.5")
    coverage = values[..., 0] if color != "black" else 1 - values[..., 0]
    return mask_of_coverage(coverage, "mask", color)


def check_size(mask: np.ndarray, pixels: np.ndarray, name: str) -> None:
    """Raises UsageError if a mask has another size than the photograph."""
    if mask.shape[:2] != pixels.shape[:2]:
        size, wanted = (f"{width}×{height}" for height, width in (mask.shape[:2], pixels.shape[:2]))
        raise UsageError(f"{name} is {size} pixels and the photograph {wanted}: give one of the photograph's size")


def largest_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the largest distance over the channels, float32[height, width]; a gray image has it in three channels."""
    result = np.zeros(first.shape[:2], np.float32)
    for channel in range(max(first.shape[-1], second.shape[-1])):
        # One at a time: a photograph of 24 megapixels has 0.3 GB.
        difference = first[..., min(channel, first.shape[-1] - 1)] - second[..., min(channel, second.shape[-1] - 1)]
        np.maximum(result, np.abs(difference, out=difference), out=result)
    return result


def is_copy(image: np.ndarray, distance: np.ndarray) -> bool:
    """Returns whether a mask is a copy of the photograph, perhaps painted on, by pixels neither black nor white.

    Args:
      image: the mask, float32[height, width, 1 or 3].
      distance: of its pixels from the photograph's, float32[height, width].
    """
    shades = (image.max(-1) > NEAR) & (image.min(-1) < 1 - NEAR)
    near = distance <= NEAR
    return bool(shades.mean() >= MIN_SHADES and near.mean() >= 0.5 and near[shades].mean() >= 0.5)


def painted(distance: np.ndarray, *, is_lossy: bool) -> np.ndarray:
    """Returns which pixels of a copy of a photograph were painted, bool[height, width], a pixel wider than seen.

    Args:
      distance: of its pixels from the photograph's, float32[height, width] in [0, 1].
      is_lossy: whether the copy is known to be compressed with loss.
    """
    changed = distance > EQUAL
    if not changed.any():
        return changed
    if not is_lossy and (distance[changed] > LOSSY_EDGE).mean() >= MIN_PAINT:
        return dilated(changed)
    labels = np.empty(distance.shape, np.int32)
    ndimage.label(distance > LOSSY_EDGE, np.ones((3, 3)), labels)
    is_painted = np.zeros(labels.max() + 1, bool)
    is_painted[labels[distance > LOSSY_PAINT]] = True
    is_painted[0] = False  # The background.
    return dilated(dilated(is_painted[labels]))


def dilated(mask: np.ndarray) -> np.ndarray:
    """Returns bool[height, width], the mask dilated by a pixel in every direction."""
    return ndimage.maximum_filter(mask, 3, mode="constant")
