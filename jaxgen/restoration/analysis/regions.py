"""Regions of pixels that a network takes for damage, and the confidence that each of them is.

A network that looks at a pixel's neighborhood takes twigs, wires, hair and letters for scratches, and flat areas for
holes. Whether a region is damage shows in the whole of it: how sure the network is along it, how long and thin it is,
how it differs from what surrounds it, and how much of the picture looks the same.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from jaxgen.restoration.analysis.evidence import to_gray

SMALLEST = 20
"""Pixels of a region below which it is no evidence by itself."""
FLAT = 1.5 / 255
"""Range of brightness among a pixel's neighbors below which it is flat: in drawings much is, in photographs hardly
anything but holes that were filled with one color."""
BAND = 256
"""Rows that are measured at once: of 24 megapixels an array has 0.1 GB."""
RING = 3
"""Pixels around a region that it is compared with."""
CERTAIN = 4.0
"""Logit from which a pixel counts as certain."""
NO_OTHER = -9.0
"""Logit of the most likely other region where there is none."""
LIKELY = 1.0
"""Mean logit from which another region counts as likely."""
FEATURES = (
    *("peak", "upper_decile", "mean", "log_area", "log_length", "log_elongation", "log_share", "log_certain_share"),
    *("ring_logit", "contrast", "deviation", "saturation", "brightness", "flat", "flat_elsewhere", "edge"),
    *("others", "others_mean", "others_log_length", "others_certain"),
)
"""What is measured of a region; see `measure`, `flatness` and `others`."""
MIRRORED = ("mirrored_mean", "mirrored_peak")
"""What `with_mirrored` adds."""


class Regions(NamedTuple):
    """The regions of one photograph.

    Attributes:
      labels: int32[height, width], the number of the region that a pixel belongs to; 0: none.
      numbers: int[n], those of the regions that are large enough to be measured.
      features: float32[n, len(FEATURES)], a row for each of them.
    """

    labels: np.ndarray
    numbers: np.ndarray
    features: np.ndarray


def find_regions(logits: np.ndarray, pixels: np.ndarray, low: float) -> Regions:
    """Returns the 8-connected regions of pixels whose logit reaches a limit.

    Args:
      logits: float32[height, width] of damage.
      pixels: float32[height, width, 1 or 3] in [0, 1], the photograph.
      low: the limit.
    """
    labels = np.empty(logits.shape, np.int32)
    ndimage.label(logits >= low, np.ones((3, 3)), labels)
    areas = np.zeros(labels.max() + 1, int)
    for top in range(0, len(labels), BAND):
        areas += np.bincount(labels[top : top + BAND].ravel(), minlength=len(areas))
    numbers = np.flatnonzero(areas >= SMALLEST)
    numbers = numbers[numbers > 0]  # 0 is the background.
    picture = np.array([(logits >= low).mean(), (logits > CERTAIN).mean() + 1e-4])
    gray = to_gray(pixels)
    whole = (slice(0, len(gray)), slice(0, gray.shape[1]))
    elsewhere = [(spread < FLAT)[labels[rows] == 0] for rows, spread in spread_bands(gray, whole)]
    flat_elsewhere = np.concatenate(elsewhere).mean() if (labels == 0).any() else 0.0
    boxes = ndimage.find_objects(labels)
    rows = [
        [
            *measure(labels, number, boxes[number - 1], logits, gray, pixels, np.log(np.maximum(picture, 1e-4))),
            *flatness(labels, number, boxes[number - 1], gray, float(flat_elsewhere)),
        ]
        for number in numbers
    ]
    measured = np.array(rows, np.float32).reshape(len(numbers), len(FEATURES) - 4)
    return Regions(labels, numbers, np.concatenate([measured, others(measured)], 1))


def with_mirrored(regions: Regions, logits: np.ndarray) -> Regions:
    """Returns regions with the mean and the peak in each of them of the logits of the mirrored photograph.

    A network is less sure of a part of the subject from another side, and as sure of damage.

    Args:
      regions: of the photograph.
      logits: float32[height, width] of its mirror image, mirrored back.
    """
    boxes = ndimage.find_objects(regions.labels)
    rows = []
    for number in regions.numbers:
        box = boxes[number - 1]
        values = logits[box][regions.labels[box] == number]
        rows.append([values.mean(), values.max()])
    added = np.array(rows, np.float32).reshape(-1, len(MIRRORED))
    return regions._replace(features=np.concatenate([regions.features, added], 1))


def others(measured: np.ndarray) -> np.ndarray:
    """Returns how many other regions each region has, how likely and long the first of them are, float32[n, 4].

    Args:
      measured: float32[n, k], the features of all regions of a picture, without these.
    """
    means, lengths = measured[:, FEATURES.index("mean")], measured[:, FEATURES.index("log_length")]
    rows = np.empty((len(measured), 4), np.float32)
    for index in range(len(measured)):
        is_other = np.arange(len(measured)) != index
        mean, length = means[is_other], lengths[is_other]
        rows[index] = len(mean), mean.max(initial=NO_OTHER), length.max(initial=0), (mean > LIKELY).sum()
    return rows


def measure(
    labels: np.ndarray,
    number: int,
    box: tuple[slice, slice],
    logits: np.ndarray,
    gray: np.ndarray,
    pixels: np.ndarray,
    log_shares: np.ndarray,
) -> list[float]:
    """Returns the features of one region.

    Args:
      labels: see `Regions`.
      number: of the region.
      box: its rows and columns.
      logits, gray: float32[height, width].
      pixels: float32[height, width, 1 or 3].
      log_shares: logarithms of the share of the picture that is in any region, and that is certain.
    """
    length = max(side.stop - side.start for side in box)
    around = tuple(slice(max(side.start - RING, 0), side.stop + RING) for side in box)
    inside = labels[around] == number
    ring = ndimage.binary_dilation(inside, np.ones((3, 3)), RING) & (labels[around] == 0)
    values, gray_inside, area = logits[around][inside], gray[around][inside], inside.sum()
    colors = pixels[around][inside]
    ring_logit = logits[around][ring].mean() if ring.any() else values.mean()
    gray_around = gray[around][ring].mean() if ring.any() else gray_inside.mean()
    return [
        values.max(),
        np.quantile(values, 0.9),
        values.mean(),
        np.log(area),
        np.log(length),
        np.log(length**2 / area),
        *log_shares,
        ring_logit,
        abs(gray_inside.mean() - gray_around),
        gray_inside.std(),
        (colors.max(-1) - colors.min(-1)).mean(),
        gray_inside.mean(),
    ]


def flatness(
    labels: np.ndarray, number: int, box: tuple[slice, slice], gray: np.ndarray, flat_elsewhere: float
) -> list[float]:
    """Returns the flat shares of a region and of the rest of the picture, and how sharp the region's edge is.

    Args:
      labels, number, box, gray: see `measure`.
      flat_elsewhere: share of the picture outside all regions that is flat.
    """
    around = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
    inside = labels[around] == number
    core = np.asarray(ndimage.binary_erosion(inside, np.ones((3, 3))), bool)
    edge, bands = inside & ~core, list[tuple[np.ndarray, np.ndarray]]()
    for rows, spread in spread_bands(gray, around):
        bands.append((spread[core[rows]] < FLAT, spread[edge[rows]]))
    is_flat, steps = map(np.concatenate, zip(*bands, strict=True))
    return [float(is_flat.mean()) if core.any() else 0.0, flat_elsewhere, float(steps.mean())]


def spread_bands(gray: np.ndarray, box: tuple[slice, ...]) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields the range of brightness among the neighbors of each pixel in a box, some rows at a time.

    Args:
      gray: float32[height, width].
      box: its rows and columns; they may end beyond the picture.
    Yields:
      the rows, counted from the first one of the box, and float32[rows, width].
    """
    (height, width), (rows, columns) = gray.shape, box
    for top in range(rows.start, min(rows.stop, height), BAND):
        end = min(top + BAND, rows.stop, height)
        first, left = max(top - 1, 0), max(columns.start - 1, 0)
        part = gray[first : end + 1, left : columns.stop + 1]
        spread: np.ndarray = ndimage.maximum_filter(part, 3) - ndimage.minimum_filter(part, 3)
        inner = spread[top - first : end - first, columns.start - left : min(columns.stop, width) - left]
        yield slice(top - rows.start, end - rows.start), inner
