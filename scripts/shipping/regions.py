"""Trains the classifiers that tell damage from parts of the subject; see `jaxgen.restoration.regions`."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation.damages import damage_image
from jaxgen.io import photographs
from jaxgen.models.restoration.region_classifier import RegionClassifier
from jaxgen.restoration import pretrained
from jaxgen.restoration.detection import CANDIDATE, MIN_CONFIDENCE, SMALL_SIDE, logit
from jaxgen.restoration.inference import REGION_CLASSIFIERS, Settings, halved, load, run
from jaxgen.restoration.regions import find_regions
from jaxgen.restoration.restorer import no_progress

DAMAGES = {"detect": ("rust", "holes", "tears", "scratches"), "detect_lines": ("tears", "scratches")}
"""The damages that each network detects."""
SHAPES = ((512, 512), (256, 256), (160, 240), (240, 160), (160, 160))
"""Sizes to which pictures are cropped before they are damaged: each is compiled."""
MIN_OVERLAP = 0.3
"""Fraction of a region's pixels that are damaged from which the region counts as damage."""
HELD_OUT = 5
"""One picture in as many is held out for scores."""
BOOSTING = {"n_estimators": 200, "learning_rate": 0.08, "max_depth": 4, "subsample": 0.7, "min_samples_leaf": 8}
"""Options of scikit-learn's GradientBoostingClassifier."""


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
        logits = run(load(network, "mask"), pixels, None, Settings(), no_progress)[..., 0]
        regions = find_regions(logits, pixels, logit(CANDIDATE[network]))
        areas = np.bincount(regions.labels.ravel())
        overlaps = np.bincount(regions.labels.ravel(), mask.ravel()) / np.maximum(areas, 1)
        yield damage, regions.features, overlaps[regions.numbers]
        if min(mask.shape) < 2 * SMALL_SIDE:
            return
        pixels, mask = halved(pixels, np.mean), halved(mask[..., None], np.mean)[..., 0]


def fit(features: np.ndarray, is_damage: np.ndarray, seed: int = 0) -> tuple[RegionClassifier, dict[str, Any]]:
    """Returns a classifier and its variables, by gradient boosting of the mean cross-entropy of all regions.

    Args:
      features: float32[n, k].
      is_damage: bool[n].
      seed: of the samples on which each tree is grown.
    Raises:
      UsageError: if scikit-learn, which grows the trees, is not installed.
    """
    try:
        from sklearn.ensemble import GradientBoostingClassifier
    except ModuleNotFoundError:
        raise UsageError("this needs scikit-learn: pip install scikit-learn") from None
    # Float64 holds float32 exactly, so that no feature changes its side of a threshold.
    grown = GradientBoostingClassifier(**BOOSTING, random_state=seed).fit(features, is_damage)
    trees = [estimator.tree_ for estimator in grown.estimators_[:, 0]]
    nodes = max(tree.node_count for tree in trees)
    arrays = {name: np.zeros((len(trees), nodes), np.int32) for name in ("feature", "left", "right")}
    arrays |= {name: np.zeros((len(trees), nodes), np.float32) for name in ("threshold", "value")}
    for index, tree in enumerate(trees):
        count, is_leaf = tree.node_count, tree.children_left < 0
        own = np.arange(count)
        arrays["feature"][index, :count] = np.where(is_leaf, 0, tree.feature)
        arrays["threshold"][index, :count] = rounded_down(tree.threshold)
        arrays["left"][index, :count] = np.where(is_leaf, own, tree.children_left)
        arrays["right"][index, :count] = np.where(is_leaf, own, tree.children_right)
        arrays["value"][index, :count] = BOOSTING["learning_rate"] * tree.value[:, 0, 0]
    prior = is_damage.mean()
    params = arrays | {"bias": np.log([prior / (1 - prior)]).astype(np.float32)}
    depth = max(tree.max_depth for tree in trees)
    return RegionClassifier(trees=len(trees), nodes=nodes, depth=depth), {"params": params}


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Returns the largest float32 values that do not exceed the thresholds, which divide float32 values the same."""
    values = thresholds.astype(np.float32)
    return np.where(values > thresholds, np.nextafter(values, np.float32(-np.inf)), values)


def make(name: str, folder: Path, out: Path, training: str, say: Callable[[str], None]) -> str:
    """Trains the classifier of a detector's regions, writes its file and returns the file's sha256.

    A fifth of the pictures, chosen by their names, is held out for the scores of the card.

    Args:
      name: of the detector, "detect" or "detect_lines".
      folder: of undamaged PNG files on which the detector was not trained.
      out: folder of the file.
      training: the machine and the time that training takes, for the card.
      say: takes a line for each kind of damage.
    Raises:
      UsageError: if there is no such detector, or the folder has no PNG files.
    """
    if name not in DAMAGES:
        raise unknown("detector", name, DAMAGES)
    paths = sorted(folder.rglob("*.png"))
    if not paths:
        raise UsageError(f"no PNG files in {folder}: give a folder of undamaged pictures")
    is_held_out = [zlib.crc32(path.stem.encode()) % HELD_OUT == 0 for path in paths]
    parts = {False: [], True: []}
    for path, held_out in zip(paths, is_held_out, strict=True):
        parts[held_out].append(path)
    features, overlaps = table(name, parts[False])
    module, variables = fit(features, overlaps > MIN_OVERLAP)
    scores = evaluate(name, module, variables, parts[True])
    for score, value in scores.items():
        say(f"{name}: {score}: {value}")
    target = REGION_CLASSIFIERS[name]
    card = pretrained.make_card(
        module,
        "confidence",
        None,
        damage=", ".join(DAMAGES[name]),
        command=f"scripts/results regions {name} --on {folder.name}",
        training=training,
        data="undamaged photographs and drawings, see scripts/studies/clean_pictures.py",
        data_license="measurements of regions alone, no pictures",
        scores=scores,
    )
    return pretrained.write(out / f"{target}.safetensors", variables, card)


def table(name: str, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of all regions, float32[n, k], and the share of damaged pixels in each, float32[n]."""
    rows = [(features, overlaps) for _, features, overlaps in examples(name, paths)]
    features, overlaps = (np.concatenate(values).astype(np.float32) for values in zip(*rows, strict=True))
    return features, overlaps


def evaluate(name: str, module: RegionClassifier, variables: dict[str, Any], paths: list[Path]) -> dict[str, str]:
    """Returns the share of regions above the confidence that counts, of damage and of undamaged pictures, as text."""
    features, overlaps = table(name, paths)
    logits = np.asarray(module.apply(variables, features, False))
    counts = special.expit(logits) >= MIN_CONFIDENCE[name]
    is_damage = overlaps > MIN_OVERLAP
    return {
        "held-out pictures, regions of damage that count": f"{counts[is_damage].mean():.3f} of {is_damage.sum()}",
        "held-out pictures, other regions that count": f"{counts[~is_damage].mean():.3f} of {(~is_damage).sum()}",
    }
