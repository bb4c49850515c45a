"""Detects where a photograph is damaged.

Two networks give the probability that a pixel is damaged: one for areas, the other for lines. Both are sure of parts of
undamaged pictures too, such as twigs, letters or a flat sky. So their pixels are only candidates, and a connected
region of them counts where a classifier of whole regions is confident that it is damage; see `regions`. The networks
know damage of the size that it has in small photographs, so that the photograph is searched at several sizes.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage, special

from jaxgen.restoration.inference import Settings, halved, load, load_region_classifier, run
from jaxgen.restoration.regions import find_regions
from jaxgen.restoration.restorer import no_progress

CANDIDATE = {"detect": 0.9, "detect_lines": 0.5}
"""Probability of each network from which a pixel belongs to a region."""
MIN_CONFIDENCE = {"detect": 0.95, "detect_lines": 0.9}
"""Confidence from which a region of a network counts as damage."""
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


def detect_damage(pixels: np.ndarray, tile_size: int | None = None) -> Detection:
    """Detects the damage of a photograph.

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
      tile_size: side of the largest tile in pixels; None: chosen.
    """
    found = detect_at_one_size(pixels, Settings(tile_size=tile_size))
    height, width = pixels.shape[:2]
    if min(height, width) < 2 * SMALL_SIDE:
        return found
    coarse = detect_damage(halved(pixels, np.mean), tile_size)
    for fine, values in ((found.mask, coarse.mask), (found.probability, coarse.probability)):
        np.maximum(fine, values.repeat(2, 0).repeat(2, 1)[:height, :width], out=fine)
    return found._replace(confidence=max(found.confidence, coarse.confidence))


def detect_at_one_size(pixels: np.ndarray, settings: Settings) -> Detection:
    """Detects damage of the size that it has in small photographs; see `detect_damage`.

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
      settings: of the networks.
    """
    logits = lambda name: run(load(name, "mask"), pixels, None, settings, no_progress)[..., 0]
    areas = logits("detect")
    area_mask, area_confidence = damaged_regions("detect", areas, pixels)
    lines = logits("detect_lines")
    line_mask, line_confidence = damaged_regions("detect_lines", lines, pixels)
    mask = (area_mask | with_faint_lines(line_mask, lines)).astype(np.float32)[..., None]
    # In place: a photograph of 24 megapixels has 0.1 GB in each channel.
    probability = special.expit(np.maximum(areas, lines, out=areas), out=areas)[..., None]
    return Detection(mask, probability, max(area_confidence, line_confidence))


def damaged_regions(name: str, logits: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns which pixels are in regions that count as damage, bool[height, width], and the largest confidence.

    Args:
      name: of the network.
      logits: float32[height, width], its output.
      pixels: float32[height, width, 1 or 3] in [0, 1], the photograph.
    """
    found = find_regions(logits, pixels, logit(CANDIDATE[name]))
    if not len(found.numbers):
        return np.zeros(logits.shape, bool), 0.0
    # Padded to a power of two: each number of rows is compiled.
    rows = 1 << (len(found.numbers) - 1).bit_length()
    padded = np.pad(found.features, ((0, rows - len(found.numbers)), (0, 0)))
    confidence = special.expit(load_region_classifier(name)(padded))[: len(found.numbers)]
    counts = np.zeros(found.labels.max() + 1, bool)
    counts[found.numbers[confidence >= MIN_CONFIDENCE[name]]] = True
    # Row by row: NumPy copies an index as int64.
    return np.stack([counts[row] for row in found.labels]), float(confidence.max())


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
