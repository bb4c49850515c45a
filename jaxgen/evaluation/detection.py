"""Damage detection: which pixels `jaxgen restore --task detect` marks, and which are damaged.

Pixels are counted over all images of a set. The damages are those of the damage benchmark that hide pixels; undamaged
images show what is marked by mistake. Pairs of photographs and masks measure it on real damage.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.evaluation.damages import DAMAGES, damage_image, read_squares
from jaxgen.io import images
from jaxgen.io.photographs import Photograph
from jaxgen.io.text import to_json
from jaxgen.metrics.masked import mask_iou, mask_precision, mask_recall
from jaxgen.restoration import tasks
from jaxgen.restoration.folders import find_photographs
from jaxgen.restoration.masks import find_mask, read_mask

SIDE = 256
"""Height and width in pixels of the images that are damaged: the strengths of the damage benchmark are for them."""
TASK = "detect"
UNDAMAGED, PAIRS = "undamaged", "as in the masks"
COLUMNS = {"iou": "IoU", "precision": "precision", "recall": "recall", "damaged": "damaged", "marked": "marked"}
"""The heads of a table's columns, by the name of the number."""

Detect = Callable[[np.ndarray], np.ndarray]
"""float32[height, width, 1 or 3] in [0, 1] -> float32[height, width, 1], above 0.5 where it is marked."""


class Pair(NamedTuple):
    """A damaged image and its mask.

    Attributes:
      image: float32[height, width, 1 or 3] in [0, 1].
      mask: float32[height, width, 1], 1 where a pixel is damaged.
    """

    image: np.ndarray
    mask: np.ndarray


def detect(image: np.ndarray) -> np.ndarray:
    """Returns the mask that `jaxgen restore --task detect` writes; see `Detect`."""
    return tasks.restore_photograph(Photograph(image), TASK).pixels


def measure(pairs: Sequence[Pair], detect: Detect = detect) -> dict[str, float]:
    """Compares the marked with the damaged pixels of all images together.

    Args:
      pairs: damaged images and their masks.
      detect: marks the damaged pixels of an image.
    Returns:
      {"iou", "precision", "recall", "damaged", "marked"}, in [0, 1]; the last two are fractions of all pixels. NaN: the
      precision where nothing is marked; iou and recall where nothing is damaged.
    """
    join = lambda masks: np.concatenate([mask.reshape(-1) for mask in masks])[None, :, None, None]
    damaged, marked = join([pair.mask for pair in pairs]), join([detect(pair.image) for pair in pairs])
    is_damaged = damaged.any()
    return {
        "iou": float(mask_iou(damaged, marked)[0]) if is_damaged else np.nan,
        "precision": float(mask_precision(damaged, marked)[0]) if is_damaged else np.nan,
        "recall": float(mask_recall(damaged, marked)[0]),
        "damaged": float((damaged > 0.5).mean()),
        "marked": float((marked > 0.5).mean()),
    }


def damaged_pairs(name: str, clean: Sequence[np.ndarray], seed: int) -> list[Pair]:
    """Returns images with one damage of the benchmark, or `UNDAMAGED`, and its masks."""
    if name == UNDAMAGED:
        return [Pair(image, np.zeros_like(image[..., :1])) for image in clean]
    found = (damage_image(name, image, index, seed) for index, image in enumerate(clean))
    return [Pair(image, mask) for image, mask in found if mask is not None]


def read_pairs(folder: str, masks: str) -> list[Pair]:
    """Returns the photographs of a folder, each with the mask of its name.

    Args:
      folder: of damaged photographs.
      masks: folder of masks, white where a photograph is damaged, named like it or as in photo_mask.png.
    Raises:
      UsageError: if there are none, or a mask is missing or does not fit.
    """
    if not Path(masks).is_dir():
        raise UsageError(f"masks {masks}: no such folder; give a folder of masks for each folder of photographs")
    pairs = []
    for path, _ in find_photographs([Path(folder)], tasks.TASKS, masks=Path(masks)).photographs:
        image = images.read(path)
        pairs.append(Pair(image, read_mask(find_mask(path, Path(masks)), image)))
    return pairs


def evaluate(
    folders: Sequence[str], masks: Sequence[str] = (), *, seed: int = 0, detect: Detect = detect
) -> dict[str, Any]:
    """Measures damage detection on folders of images.

    Args:
      folders: of clean images, or of damaged ones where there are masks.
      masks: a folder of masks for each; none: the images are damaged as in the damage benchmark.
      seed: of that damage.
      detect: marks the damaged pixels of an image.
    Returns:
      {"protocol", "sets": {folder: {"pictures", "damages": {name: {"iou", "precision", "recall", "damaged",
      "marked"}}}}}, as JSON can hold it.
    Raises:
      UsageError: if the masks are not as many as the folders, or a folder does not fit.
    """
    if masks and len(masks) != len(folders):
        raise UsageError(f"{len(masks)} folders of masks for {len(folders)} folders of images: give as many")
    sets = {}
    for index, folder in enumerate(folders):
        if masks:
            pairs = read_pairs(folder, masks[index])
            count, rows = len(pairs), {PAIRS: measure(pairs, detect)}
        else:
            clean = read_squares(folder, SIDE)
            names = [*(name for name, damage in DAMAGES.items() if damage.has_mask), UNDAMAGED]
            count = len(clean)
            rows = {name: measure(damaged_pairs(name, clean, seed), detect) for name in names}
        damages = {name: {key: to_json(value) for key, value in row.items()} for name, row in rows.items()}
        sets[folder] = {"pictures": count, "damages": damages}
    source = "masks given" if masks else f"central {SIDE}×{SIDE} pixels, damage of the benchmark, seed {seed}"
    protocol = f"pixels that jaxgen restore --task {TASK} marks, counted over all images of a set; {source}"
    return {"protocol": protocol, "sets": sets}


def to_text(evaluation: dict[str, Any]) -> str:
    """Formats the result of `evaluate` as a table for each folder; a dash is 0/0."""
    lines = [evaluation["protocol"]]
    for folder, found in evaluation["sets"].items():
        head = f"{folder} ({found['pictures']})"
        width = max(map(len, (head, *found["damages"])))
        lines += ["", "  ".join([head.ljust(width), *(f"{title:>9}" for title in COLUMNS.values())])]
        lines += [
            "  ".join([name.ljust(width), *(format_number(row[key]) for key in COLUMNS)])
            for name, row in found["damages"].items()
        ]
    return "\n".join(lines)


def format_number(value: float | str) -> str:
    """Formats a number of a table in nine characters."""
    return f"{'–':>9}" if np.isnan(float(value)) else f"{float(value):9.4f}"
