"""Trains the classifiers that tell damage from parts of the subject; see `jaxgen.restoration.analysis.regions`."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation.damages import damage_image
from jaxgen.io import photographs
from jaxgen.models.restoration.boosted_trees import BoostedTrees
from jaxgen.restoration import pretrained
from jaxgen.restoration.analysis.detection import MIN_CONFIDENCE, SMALL_SIDE, candidates
from jaxgen.restoration.analysis.regions import FEATURES, MIRRORED
from jaxgen.restoration.inference import REGION_CLASSIFIERS, Settings, halved
from shipping.boosting import fit

DAMAGES = {"detect": ("rust", "holes", "tears", "scratches"), "detect_lines": ("tears", "scratches")}
"""The damages that each network detects."""
SHAPES = ((512, 512), (256, 256), (160, 240), (240, 160), (160, 160))
"""Sizes to which pictures are cropped before they are damaged: each is compiled."""
MIN_OVERLAP = 0.3
"""Fraction of a region's pixels that are damaged from which the region counts as damage."""
HELD_OUT = 5
"""One picture in as many is held out for scores."""


def center(image: np.ndarray) -> np.ndarray | None:
    """Returns the middle of a picture in the first of `SHAPES` that it holds, in color; None if it is smaller."""
    for height, width in SHAPES:
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        if min(top, left) >= 0:
            cropped = image[top : top + height, left : left + width]
            return cropped.repeat(3, -1) if image.shape[-1] == 1 else cropped
    return None


def examples(network: str, paths: list[Path]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields the damage, the features and the share of damaged pixels of each region in pictures, undamaged or damaged.

    Args:
      network: "detect" or "detect_lines".
      paths: of undamaged pictures.
    """
    for path in paths:
        pixels = photographs.read(path).pixels
        yield from measured(network, "", pixels, np.zeros(pixels.shape[:2]))
    for index, path in enumerate(path for path in paths if not path.stem.startswith("drawn")):
        cropped = center(photographs.read(path).pixels)
        if cropped is None:
            continue
        for damage in DAMAGES[network]:
            damaged, mask = damage_image(damage, cropped, index, seed=1)
            assert mask is not None, "these damages hide pixels"
            yield from measured(network, damage, damaged, mask[..., 0])


def measured(
    network: str, damage: str, pixels: np.ndarray, mask: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields the damage, the features and the share of damaged pixels of each region of a picture, at each size."""
    while True:
        regions = candidates(network, pixels, Settings())[1]
        if not len(regions.numbers):  # Without the features of the mirrored picture.
            regions = regions._replace(features=np.zeros((0, features_of(network)), np.float32))
        areas = np.bincount(regions.labels.ravel())
        overlaps = np.bincount(regions.labels.ravel(), mask.ravel()) / np.maximum(areas, 1)
        yield damage, regions.features, overlaps[regions.numbers]
        if min(mask.shape) < 2 * SMALL_SIDE:
            return
        pixels, mask = halved(pixels, np.mean), halved(mask[..., None], np.mean)[..., 0]


def features_of(network: str) -> int:
    """Returns the number of a region's features."""
    return len(FEATURES) + len(MIRRORED) * (network == "detect_lines")


def pictures(folders: Sequence[Path]) -> list[Path]:
    """Returns the PNG files in folders, or raises UsageError if there are none."""
    paths = sorted(path for folder in folders for path in folder.rglob("*.png"))
    if not paths:
        raise UsageError(f"no PNG files in {', '.join(map(str, folders))}: give folders of undamaged pictures")
    return paths


def is_held_out(path: Path) -> bool:
    """Returns whether a picture is held out for scores, by the hash of the last part of its name.

    So a photograph that is there twice, reduced and whole, belongs to one part.
    """
    return zlib.crc32(path.stem.rsplit("-", 1)[-1].encode()) % HELD_OUT == 0


def make(name: str, folders: Sequence[Path], out: Path, training: str, say: Callable[[str], None]) -> str:
    """Trains the classifier of a detector's regions, writes its file and returns the file's sha256.

    A fifth of the pictures, chosen by their names, is held out for the scores of the card.

    Args:
      name: of the detector, "detect" or "detect_lines".
      folders: of undamaged PNG files.
      out: folder of the file.
      training: the machine and the time that training takes, for the card.
      say: takes a line for each kind of damage.
    Raises:
      UsageError: if there is no such detector, or the folders have no PNG files.
    """
    if name not in DAMAGES:
        raise unknown("detector", name, DAMAGES)
    paths = pictures(folders)
    features, overlaps = table(name, [path for path in paths if not is_held_out(path)])
    # The square root of the area: what is harmed or repaired grows with it.
    areas = np.exp(features[:, FEATURES.index("log_area")])
    module, variables = fit(features, overlaps > MIN_OVERLAP, np.sqrt(areas))
    scores = evaluate(name, module, variables, [path for path in paths if is_held_out(path)])
    for score, value in scores.items():
        say(f"{name}: {score}: {value}")
    target = REGION_CLASSIFIERS[name]
    texts = {"damage": ", ".join(DAMAGES[name]), "training": training, "scores": scores}
    return write(target, out, module, variables, folders, "regions", **texts)


def write(
    name: str,
    out: Path,
    module: BoostedTrees,
    variables: dict[str, Any],
    folders: Sequence[Path],
    measured: str,
    **texts: Any,
) -> str:
    """Writes a classifier with its card and returns the file's sha256.

    Args:
      name: of the shipped classifier.
      out: folder of the file.
      module, variables: see `fit`.
      folders: of the pictures that it was trained on.
      measured: what its features are of.
      **texts: damage, training and scores of the card.
    """
    on = " ".join(f"DIR/{folder.name}" for folder in folders)
    card = pretrained.make_card(
        module,
        "confidence",
        None,
        command=f"scripts/results damage-classifiers {name} --on {on}",
        data="undamaged photographs and drawings, see scripts/studies/clean_pictures.py",
        data_license=f"measurements of {measured} alone, no pictures",
        **texts,
    )
    return pretrained.write(out / f"{name}.safetensors", variables, card)


def table(name: str, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of all regions, float32[n, k], and the share of damaged pixels in each, float32[n]."""
    rows = [(features, overlaps) for _, features, overlaps in examples(name, paths)]
    features, overlaps = (np.concatenate(values).astype(np.float32) for values in zip(*rows, strict=True))
    return features, overlaps


def evaluate(name: str, module: BoostedTrees, variables: dict[str, Any], paths: list[Path]) -> dict[str, str]:
    """Returns the share of regions that count alone, of those of damage and of undamaged pictures, as text."""
    features, overlaps = table(name, paths)
    logits = np.asarray(module.apply(variables, features, False))
    counts = special.expit(logits) >= MIN_CONFIDENCE[name][0]
    is_damage = overlaps > MIN_OVERLAP
    return {
        "held-out pictures, regions of damage that count": f"{counts[is_damage].mean():.3f} of {is_damage.sum()}",
        "held-out pictures, other regions that count": f"{counts[~is_damage].mean():.3f} of {(~is_damage).sum()}",
    }
