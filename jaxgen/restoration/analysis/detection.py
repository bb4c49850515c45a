"""Detects where a photograph is damaged.

Two networks give the probability that a pixel is damaged: one for areas, the other for lines. Both are sure of parts of
undamaged pictures too, such as twigs, letters or a flat sky. So their pixels are only candidates, and a connected
region of them counts where a classifier of whole regions is confident that it is damage; see `regions`. Where one is
surely damage, others count more easily. The networks know damage of the size that it has in small photographs, so that
the photograph is searched at several sizes.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage, special

from jaxgen.restoration.analysis.regions import Regions, find_regions, with_mirrored
from jaxgen.restoration.inference import REGION_CLASSIFIERS, Settings, halved, load, load_classifier, run
from jaxgen.restoration.restorer import no_progress

CANDIDATE = {"detect": 0.9, "detect_lines": 0.5}
"""Probability of each network from which a pixel belongs to a region."""
MIN_CONFIDENCE = {"detect": (0.985,), "detect_lines": (0.99, 0.95, 0.9)}
"""Confidence that the surest region of a network must reach, or else the two surest, or the three surest: damage seldom
comes alone, and several regions that look like it are as sure as one. If none do, no region counts."""
MIN_FURTHER_CONFIDENCE = 0.5
"""Confidence from which the other regions of such a network count."""
FAINT_LINE = 0.3
"""Probability at which a pixel counts as part of a line near a detected line: scratches come in groups, and most are
too short to be detected one by one."""
FAINT_LINE_RADIUS = 256
"""Pixels around a detected line in which faint lines count."""
LINE_DILATION = 2
"""Pixels added around a line: its edges are shaded, and detected less surely than its middle."""
SMALL_SIDE = 256
"""Pixels of the shorter side: a photograph is halved and searched again as long as the half is not below it."""


class Detection(NamedTuple):
    """The damage that was detected in a photograph.

    Attributes:
      mask: float32[height, width, 1], 1 at the pixels of regions that count as damage, else 0.
      probability: float32[height, width, 1] of damage at each pixel, the largest of both networks and all sizes.
      confidence: the largest probability that a region is damage; 0 without any region.
    """

    mask: np.ndarray
    probability: np.ndarray
    confidence: float


class Found(NamedTuple):
    """What each network found in a photograph at some sizes.

    Attributes:
      masks: by network, bool[height, width] of regions from `MIN_FURTHER_CONFIDENCE`.
      confidences: by network, those of its surest regions at all sizes, from the surest on.
      probability: see `Detection`, float32[height, width].
    """

    masks: dict[str, np.ndarray]
    confidences: dict[str, np.ndarray]
    probability: np.ndarray


def detect_damage(pixels: np.ndarray, tile_size: int | None = None, *, is_sure: bool = False) -> Detection:
    """Detects the damage of a photograph.

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
      tile_size: side of the largest tile in pixels; None: chosen.
      is_sure: whether the photograph is known to be damaged: regions from `MIN_FURTHER_CONFIDENCE` count by themselves.
    """
    found = search(pixels, Settings(tile_size=tile_size))
    mask = np.zeros(pixels.shape[:2], bool)
    for name, confidences in found.confidences.items():
        if is_sure or is_damage(name, confidences):
            mask |= found.masks[name]
    confidence = max(float(confidences.max(initial=0)) for confidences in found.confidences.values())
    return Detection(mask.astype(np.float32)[..., None], found.probability[..., None], confidence)


def is_damage(name: str, confidences: np.ndarray) -> bool:
    """Returns whether the regions of a network count, by the confidences of the surest, from the surest on."""
    return any(confidence >= least for confidence, least in zip(confidences, MIN_CONFIDENCE[name], strict=False))


def search(pixels: np.ndarray, settings: Settings) -> Found:
    """Searches a photograph at its size and at all smaller ones; see `detect_damage`."""
    found = search_at_one_size(pixels, settings)
    height, width = pixels.shape[:2]
    if min(height, width) < 2 * SMALL_SIDE:
        return found
    coarse = search(halved(pixels, np.mean), settings)
    enlarged = lambda values: values.repeat(2, 0).repeat(2, 1)[:height, :width]
    for name in found.masks:
        np.logical_or(found.masks[name], enlarged(coarse.masks[name]), out=found.masks[name])
    np.maximum(found.probability, enlarged(coarse.probability), out=found.probability)
    confidences = {name: surest(name, values, coarse.confidences[name]) for name, values in found.confidences.items()}
    return found._replace(confidences=confidences)


def surest(name: str, *confidences: np.ndarray) -> np.ndarray:
    """Returns the largest confidences of a network's regions, as many as decide, from the largest on."""
    return -np.sort(-np.concatenate(confidences))[: len(MIN_CONFIDENCE[name])]


def search_at_one_size(pixels: np.ndarray, settings: Settings) -> Found:
    """Searches for damage of the size that it has in small photographs; see `search`.

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
      settings: of the networks.
    """
    areas, area_mask, area_confidences = search_by("detect", pixels, settings)
    lines, line_mask, line_confidences = search_by("detect_lines", pixels, settings)
    masks = {"detect": area_mask, "detect_lines": with_faint_lines(line_mask, lines)}
    # In place: a photograph of 24 megapixels has 0.1 GB in each channel.
    probability = special.expit(np.maximum(areas, lines, out=areas), out=areas)
    return Found(masks, {"detect": area_confidences, "detect_lines": line_confidences}, probability)


def search_by(name: str, pixels: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the logits of a network, the regions that may count and the confidences; see `damaged_regions`.

    Args:
      name, pixels, settings: see `candidates`.
    """
    logits, regions = candidates(name, pixels, settings)
    return logits, *damaged_regions(name, regions)


def candidates(name: str, pixels: np.ndarray, settings: Settings) -> tuple[np.ndarray, Regions]:
    """Returns the logits of a network, float32[height, width], and the regions that may be damage.

    Args:
      name: of the network.
      pixels: float32[height, width, 1 or 3] in [0, 1].
      settings: of the network.
    """
    logits = lambda values: run(load(name, "mask"), values, None, settings, no_progress)[..., 0]
    found = logits(pixels)
    regions = find_regions(found, pixels, logit(CANDIDATE[name]))
    if name == "detect_lines" and len(regions.numbers):
        regions = with_mirrored(regions, logits(pixels[:, ::-1])[:, ::-1])
    return found, regions


def damaged_regions(name: str, found: Regions) -> tuple[np.ndarray, np.ndarray]:
    """Returns which pixels are in regions that may count, bool[height, width], and the confidences; see `surest`.

    Args:
      name: of the network.
      found: its regions.
    """
    if not len(found.numbers):
        return np.zeros(found.labels.shape, bool), np.zeros(0, np.float32)
    # Padded to a power of two: each number of rows is compiled.
    rows = 1 << (len(found.numbers) - 1).bit_length()
    padded = np.pad(found.features, ((0, rows - len(found.numbers)), (0, 0)))
    confidence = special.expit(load_classifier(REGION_CLASSIFIERS[name])(padded))[: len(found.numbers)]
    counts = np.zeros(found.labels.max() + 1, bool)
    counts[found.numbers[confidence >= MIN_FURTHER_CONFIDENCE]] = True
    # Row by row: NumPy copies an index as int64.
    return np.stack([counts[row] for row in found.labels]), surest(name, confidence)


def with_faint_lines(mask: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns a mask of lines with the faint lines near them and with their edges, bool[height, width]."""
    is_near = dilated(mask, FAINT_LINE_RADIUS)
    return dilated(is_near & (logits >= logit(FAINT_LINE)), LINE_DILATION)


def dilated(mask: np.ndarray, radius: int) -> np.ndarray:
    """Returns bool[height, width], the mask dilated by a square of 2 · radius + 1 pixels."""
    return ndimage.maximum_filter(mask, 2 * radius + 1, mode="constant")


def logit(probability: float) -> float:
    """Returns the inverse of the sigmoid."""
    return math.log(probability / (1 - probability))
