"""Inpaints the damaged pixels of a photograph.

The networks' receptive field has a radius of some 90 pixels, so that the inside of a large hole is first filled in the
photograph at half the size.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy import ndimage

from jaxgen.io.photographs import Photograph
from jaxgen.restoration.analysis.detection import detect_damage
from jaxgen.restoration.inference import (
    BAND,
    Result,
    Settings,
    blend,
    feathered,
    halved,
    load,
    output_bands,
    upsampled_rows,
)
from jaxgen.restoration.restorer import Progress, Restorer
from jaxgen.restoration.tiles import stacked, widened

MAX_DETECTED = 0.5
"""Fraction of a photograph above which a detected mask is rejected: flat drawings look like one large hole."""
DEEP = 16
"""Distance in pixels from the nearest known pixel at which a pixel is filled at half the size."""
SMALL_SIDE = 64
"""Pixels of the shorter side below which a photograph is not halved."""
BLUR = 1.0
"""Standard deviation in pixels of the Gaussian that predicts a pixel from those around it."""
BLUR_RADIUS = 4
"""Its radius in pixels; see `scipy.ndimage.gaussian_filter`."""
STEP = 1.5
"""Ratio of prediction errors just inside and just outside a mask from which the mask is tight."""


def inpaint(
    photograph: Photograph,
    settings: Settings,
    progress: Progress,
    network: str = "inpaint_all",
    tight_network: str = "",
) -> Result:
    """Returns a photograph with its damage inpainted; of other pixels only a few around the mask change.

    Args:
      photograph: its pixels are used.
      settings: all are used but the noise level; without a mask the damage is detected, with `force` where it is less
        sure too.
      progress: takes the number of tiles done and the number of all tiles.
      network: name of the shipped network.
      tight_network: name of the network for a tight mask; empty: the same. See `is_tight`.
    """
    pixels, mask, source, nothing = photograph.pixels, settings.mask, "as given", "no damage"
    if mask is None:
        detected = detect_damage(pixels, settings.tile_size, is_sure=settings.force)
        mask, source = detected.mask, f"detected with confidence {detected.confidence:.2f}"
        nothing = f"no damage detected (confidence {detected.confidence:.2f})"
        del detected  # Of the size of the mask, too: the probabilities.
        if mask.mean() > MAX_DETECTED:
            message = f"{mask.mean():.0%} look damaged, too much to inpaint without a mask: give --mask"
            return Result(pixels, message, mask, is_found=False)
    if not mask.any():
        return Result(pixels, f"{nothing}, unchanged", is_found=False)
    message = f"{mask.mean():.1%} damaged, {source}"
    if settings.dry_run:
        return Result(pixels, message, mask)
    name = tight_network if tight_network and is_tight(pixels, mask) else network
    is_deep = find_deep(mask)
    result = pixels if settings.in_place else pixels.copy()
    # What is overwritten before it is blended with what is restored. At full strength nothing is left of it.
    hidden = result[is_deep[..., 0]] if settings.strength != 1 else None
    done = top = 0
    for restored in filled_bands(load(name), result, mask, is_deep, settings, progress):
        end = top + len(restored)
        rows = result[top:end].copy()
        if hidden is not None:
            deep = is_deep[top:end, :, 0]
            count = np.count_nonzero(deep)
            rows[deep] = hidden[done : done + count]
            done += count
        result[top:end] = blend(rows, restored, settings.strength * feathered(mask, top, end))
        top = end
    return Result(result, message, mask)


def filled_bands(
    network: Restorer,
    pixels: np.ndarray,
    mask: np.ndarray,
    is_deep: np.ndarray,
    settings: Settings,
    progress: Progress,
) -> Iterator[np.ndarray]:
    """Yields a network's output for pixels under a mask, some rows at a time from above.

    Deep pixels are filled at half the size first, and count as known at full size. The rows of the pixels that belong
    to what was yielded may be overwritten before the next is asked for.

    Args:
      network: that takes a mask.
      pixels: float32[height, width, 1 or 3]; the deep ones are overwritten.
      mask: float32[height, width, 1], 1 where pixels are hidden, else 0.
      is_deep: bool[height, width, 1]; see `find_deep`.
      settings, progress: see `inpaint`.
    """
    if is_deep.any():
        # Everything at half the size is freed before the network is applied at full size.
        fill_deep(partial(filled_bands, network, settings=settings, progress=progress), pixels, mask, is_deep)
    top = 0
    for band in output_bands(network, pixels, (mask > 0) & ~is_deep, settings, progress):
        rows = slice(top, top + len(band))
        np.copyto(band, pixels[rows], where=is_deep[rows])
        yield band
        top += len(band)


def fill_deep(
    fill: Callable[..., Iterator[np.ndarray]], pixels: np.ndarray, mask: np.ndarray, is_deep: np.ndarray
) -> None:
    """Overwrites the deep ones of pixels[height, width, 1 or 3] by those filled at half the size.

    Args:
      fill: `filled_bands` of a network, applied to pixels, mask and deep pixels of half the size.
      pixels, mask, is_deep: see `filled_bands`.
    """
    coarse, coarse_mask = halved(pixels, np.mean), halved(mask, np.max)
    bands = fill(coarse, coarse_mask, find_deep(coarse_mask))
    stacked(bands, len(coarse), coarse)
    for top in range(0, len(coarse), BAND):
        rows = slice(2 * top, 2 * (top + BAND))
        band, enlarged = pixels[rows], upsampled_rows(coarse, 2, top, top + BAND)
        np.copyto(band, enlarged[: len(band), : mask.shape[1]], where=is_deep[rows])


def find_deep(mask: np.ndarray) -> np.ndarray:
    """Returns bool[height, width, 1], which pixels are at least `DEEP` pixels away from known ones.

    In a photograph that is too small to be halved none counts.

    Args:
      mask: float32[height, width, 1], 1 where pixels are hidden, else 0.
    """
    if min(mask.shape[:2]) < 2 * SMALL_SIDE:
        return np.zeros(mask.shape, bool)
    # Of a square of 2 · DEEP + 1 pixels; beyond the border no pixel is known.
    return ndimage.minimum_filter(mask > 0, (2 * DEEP + 1, 2 * DEEP + 1, 1), mode="constant", cval=1)


def is_tight(pixels: np.ndarray, mask: np.ndarray) -> bool:
    """Returns whether a mask ends where the damage ends, as one that was computed does, or extends beyond it.

    A tight mask ends where the damage is only just visible, which shows how much of the image is visible through the
    damage; a mask drawn by hand does not. A network trained on tight masks fails on others, and the other way around.

    The outermost pixels inside the mask are predicted from those around it, and the pixels just outside from those
    further out. Where all of these show the undamaged image, both errors are about the same.

    Args:
      pixels: float32[height, width, channel] in [0, 1].
      mask: float32[height, width, 1], 1 where the photograph is damaged.
    """
    errors: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for top in range(0, len(mask), BAND):
        # A band at a time: a photograph of 24 megapixels has 0.3 GB.
        rows = widened(top, BAND, 1 + BLUR_RADIUS)
        band, begin = mask[rows], top - rows.start
        inner, outer = band > 0, ndimage.maximum_filter(band, (3, 3, 1)) > 0
        edges = inner & (ndimage.minimum_filter(band, (3, 3, 1)) == 0), outer & ~inner
        for found, edge, hidden in zip(errors, edges, (inner, outer), strict=True):
            edge[:begin] = edge[begin + BAND :] = False
            if edge.any():
                found.append(prediction_error(pixels[rows], hidden)[edge])
    if not all(errors):
        return False
    inside, outside = map(np.concatenate, errors)
    return bool(inside.mean() > STEP * outside.mean())


def prediction_error(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Returns the distance of pixels from a Gaussian-weighted mean of those around them that are not hidden.

    Args:
      pixels: float32[height, width, channel].
      hidden: bool[height, width, 1].
    Returns:
      float32[height, width, 1], the mean over channels of the absolute differences; large far from known pixels.
    """
    known = (~hidden).astype(np.float32)
    blurred = lambda values: ndimage.gaussian_filter(values, (BLUR, BLUR, 0), radius=(BLUR_RADIUS, BLUR_RADIUS, 0))
    weight = np.maximum(blurred(known), 1e-6)
    # Channel by channel: a photograph of 24 megapixels has 0.3 GB.
    total = np.zeros_like(known)
    for channel in np.moveaxis(pixels[..., None], 2, 0):
        total += abs(channel - blurred(channel * known) / weight)
    return total / np.float32(pixels.shape[-1])
