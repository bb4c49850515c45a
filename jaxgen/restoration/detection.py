"""Detects where a photograph is damaged.

Two networks give the probability that a pixel is damaged: one for areas, the other for lines. On undamaged photographs
the probability is high at one or two percent of the pixels too; so a region counts only where its network is nearly
certain somewhere in it. The networks know damage of the size that it has in small photographs, so that the photograph
is searched at several sizes.
Reference: Canny 1986, section VI (hysteresis: two thresholds, the higher one reached somewhere in the region).
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage, special

from jaxgen.restoration.inference import Settings, halved, load, run
from jaxgen.restoration.restorer import no_progress


class Thresholds(NamedTuple):
    """When a connected region counts as damage.

    Attributes:
      low: probability that each of its pixels reaches.
      high: probability that one of its pixels reaches.
      pixels: its smallest area.
    """

    low: float
    high: float
    pixels: int


# Chosen on the first 34 photographs of CBSD68, undamaged and with each damage: most undamaged ones have no such region.
# LINE on an old print too, in which a higher probability would miss cracks.
AREA = Thresholds(low=0.9, high=0.999, pixels=100)
LINE = Thresholds(low=0.5, high=0.985, pixels=60)
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
    """

    mask: np.ndarray
    probability: np.ndarray


def detect_damage(pixels: np.ndarray, tile_size: int | None = None) -> Detection:
    """Detects the damage of a photograph.

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
      tile_size: side of the largest tile in pixels; None: chosen.
    """
    settings = Settings(tile_size=tile_size)
    logits = lambda name: run(load(name, "mask"), pixels, None, settings, no_progress)[..., 0]
    areas, lines = logits("detect"), logits("detect_lines")
    mask = (detected_regions(areas, AREA) | detected_lines(lines)).astype(np.float32)[..., None]
    found = Detection(mask, special.expit(np.maximum(areas, lines))[..., None])
    height, width = mask.shape[:2]
    if min(height, width) < 2 * SMALL_SIDE:
        return found
    coarse = detect_damage(halved(pixels, np.mean), tile_size)
    enlarged = (values.repeat(2, 0).repeat(2, 1)[:height, :width] for values in coarse)
    return Detection(*map(np.maximum, found, enlarged))


def detected_regions(logits: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Returns which pixels are in 8-connected regions that count, bool[height, width]."""
    labels = np.empty(logits.shape, np.int32)
    ndimage.label(logits >= logit(thresholds.low), np.ones((3, 3)), labels)
    is_large = np.bincount(labels.ravel()) >= thresholds.pixels
    is_certain = np.zeros_like(is_large)
    is_certain[labels[logits >= logit(thresholds.high)]] = True
    is_large[0] = False  # The background.
    return (is_large & is_certain)[labels]


def detected_lines(logits: np.ndarray) -> np.ndarray:
    """Returns which pixels are on lines or at their edges, bool[height, width]."""
    is_near = dilated(detected_regions(logits, LINE), FAINT_LINE_RADIUS)
    return dilated(is_near & (logits >= logit(FAINT_LINE)), LINE_DILATION)


def dilated(mask: np.ndarray, radius: int) -> np.ndarray:
    """Returns bool[height, width], the mask dilated by a square of 2 · radius + 1 pixels."""
    return ndimage.maximum_filter(mask, 2 * radius + 1, mode="constant")


def logit(probability: float) -> float:
    """Returns the inverse of the sigmoid."""
    return math.log(probability / (1 - probability))
