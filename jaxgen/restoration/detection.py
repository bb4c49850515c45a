"""Where a photograph is damaged, without a mask.

Two networks tell how likely each pixel is damaged: one finds areas, the other lines. They call one or two percent of an
undamaged photograph likely too; so a place counts only where its network is sure of some part of it. They know damage
as large as on small photographs, and so it is looked for at several sizes of the photograph.
Reference: Canny 1986, section VI (two thresholds, of which the higher one need only be reached somewhere).
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from jaxgen.restoration.inference import Settings, halved, load, view


class Evidence(NamedTuple):
    """What makes a place count.

    Attributes:
      likely: probability of each of its pixels, at least.
      sure: probability of one of its pixels, at least.
      pixels: how many they are, at least.
    """

    likely: float
    sure: float
    pixels: int


# Chosen on the first 34 pictures of CBSD68, intact and with each damage: most intact ones have no such place. LINE on
# an old print too, whose cracks a higher probability would miss.
AREA = Evidence(likely=0.9, sure=0.999, pixels=100)
LINE = Evidence(likely=0.5, sure=0.985, pixels=60)
ANY_LINE = 0.3
"""Probability from which on a pixel counts as on a line near a line that is sure: scratches come in company, and most
are too short to be sure of one by one."""
COMPANY = 256
"""Pixels across and along that are near."""
EDGE = 2
"""Pixels around a line that are mended with it: its edges are shaded, and found less surely than its middle."""
TYPICAL = 256
"""Pixels of the shorter side below which a photograph is not halved to look for damage."""


def find(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """Returns where a photograph is damaged, float32[height, width, 1] of 0 and 1, looked for at several sizes.

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
      settings: the tile counts.
    """
    alone = Settings(tile=settings.tile)
    see = lambda name: view(load(name, "masks"), pixels, None, alone, lambda done, total: None)[..., 0]
    found = (places(see("detect"), AREA) | lines(see("detect_lines")))[..., None].astype(np.float32)
    height, width = found.shape[:2]
    if min(height, width) < 2 * TYPICAL:
        return found
    larger = find(halved(pixels, np.mean), settings).repeat(2, 0).repeat(2, 1)
    return np.maximum(found, larger[:height, :width])


def places(logits: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Returns which pixels are in places that count, bool[height, width]. Pixels hang together by sides and corners."""
    labels, _ = ndimage.label(logits >= logit(evidence.likely), np.ones((3, 3)))
    is_large = np.bincount(labels.ravel()) >= evidence.pixels
    is_sure = np.zeros_like(is_large)
    is_sure[labels[logits >= logit(evidence.sure)]] = True
    is_large[0] = False  # what is not likely
    return (is_large & is_sure)[labels]


def lines(logits: np.ndarray) -> np.ndarray:
    """Returns which pixels are on lines or at their edges, bool[height, width]."""
    near = grown(places(logits, LINE), COMPANY)
    return grown(near & (logits >= logit(ANY_LINE)), EDGE)


def grown(mask: np.ndarray, reach: int) -> np.ndarray:
    """Returns bool[height, width], which pixels are at most `reach` from the mask's, across and along."""
    return ndimage.maximum_filter(mask, 2 * reach + 1, mode="constant")


def logit(probability: float) -> float:
    """Returns what a sigmoid makes a probability of."""
    return math.log(probability / (1 - probability))
