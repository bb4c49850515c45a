"""Inpaints the damaged pixels of a photograph.

The networks' receptive field has a radius of some 90 pixels, so that the inside of a large hole is first filled in the
photograph at half the size.
"""

import numpy as np
from jax import Array, jit, lax
from scipy import ndimage

from jaxgen.io.photographs import Photograph
from jaxgen.restoration.detection import detect_damage
from jaxgen.restoration.inference import (
    BAND,
    Result,
    Settings,
    blend,
    feathered,
    halved,
    in_bands,
    load,
    run,
    upsampled_rows,
)
from jaxgen.restoration.restorer import Progress, Restorer

MAX_DETECTED = 0.5
"""Fraction of a photograph above which a detected mask is rejected: flat drawings look like one large hole."""
DEEP = 16
"""Distance in pixels from the nearest known pixel at which a pixel is filled at half the size."""
SMALL_SIDE = 64
"""Pixels of the shorter side below which a photograph is not halved."""
BLUR = 1.0
"""Standard deviation in pixels of the Gaussian that predicts a pixel from those around it."""
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
      settings: all are used but the noise level; without a mask the damage is detected.
      progress: takes the number of tiles done and the number of all tiles.
      network: name of the shipped network.
      tight_network: name of the network for a tight mask; empty: the same. See `is_tight`.
    """
    pixels, mask, source = photograph.pixels, settings.mask, "as given"
    if mask is None:
        detected = detect_damage(pixels, settings.tile_size)
        mask, source = detected.mask, f"detected with confidence {detected.confidence:.2f}"
        if mask.mean() > MAX_DETECTED:
            message = f"{mask.mean():.0%} look damaged, too much to inpaint without a mask: give --mask"
            return Result(pixels.copy(), message, mask, is_found=False)
    if not mask.any():
        return Result(pixels.copy(), "no damage detected, unchanged", is_found=False)
    message = f"{mask.mean():.1%} damaged, {source}"
    if settings.dry_run:
        return Result(pixels, message, mask)
    name = tight_network if tight_network and is_tight(pixels, mask) else network
    restored = fill(load(name), pixels, mask, settings, progress)
    return Result(blend(pixels, restored, settings.strength * feathered(mask)), message, mask)


def fill(network: Restorer, pixels: np.ndarray, mask: np.ndarray, settings: Settings, progress: Progress) -> np.ndarray:
    """Returns a network's output for pixels[height, width, 1 or 3] under a mask[height, width, 1].

    Pixels deep in the mask are filled at half the size first, and count as known at full size.
    """
    deep = eroded(mask)
    if not deep.any() or min(mask.shape[:2]) < 2 * SMALL_SIDE:
        return run(network, pixels, mask, settings, progress)
    width = mask.shape[1]
    coarse = fill(network, halved(pixels, np.mean), halved(mask, np.max), settings, progress)
    # In place: a photograph of 24 megapixels has 0.3 GB.
    is_deep, pixels = deep > 0, pixels.copy()
    for top in range(0, len(coarse), BAND):
        rows = slice(2 * top, 2 * (top + BAND))
        band, enlarged = pixels[rows], upsampled_rows(coarse, 2, top, top + BAND)
        np.copyto(band, enlarged[: len(band), :width], where=is_deep[rows])
    del coarse
    result = run(network, pixels, mask - deep, settings, progress)
    np.copyto(result, pixels, where=is_deep)
    return result


@jit
def erode(mask: Array) -> Array:
    """Returns masks[b, h, w, 1] eroded by a square of 2 · DEEP + 1 pixels; nothing is known beyond the border."""
    for window in ((1, 2 * DEEP + 1, 1, 1), (1, 1, 2 * DEEP + 1, 1)):
        mask = lax.reduce_window(mask, 1.0, lax.min, window, (1, 1, 1, 1), "SAME")
    return mask


def eroded(mask: np.ndarray) -> np.ndarray:
    """Returns the mask[height, width, 1] of pixels at least `DEEP` pixels away from known ones."""
    return in_bands(erode, mask, DEEP)


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
    inner, outer = mask > 0, ndimage.maximum_filter(mask, (3, 3, 1)) > 0
    inside, outside = inner & (ndimage.minimum_filter(mask, (3, 3, 1)) == 0), outer & ~inner
    if not inside.any() or not outside.any():
        return False
    error_inside = prediction_error(pixels, inner)[inside].mean()
    error_outside = prediction_error(pixels, outer)[outside].mean()
    return bool(error_inside > STEP * error_outside)


def prediction_error(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Returns the distance of pixels from a Gaussian-weighted mean of those around them that are not hidden.

    Args:
      pixels: float32[height, width, channel].
      hidden: bool[height, width, 1].
    Returns:
      float32[height, width, 1], the mean over channels of the absolute differences; large far from known pixels.
    """
    known = (~hidden).astype(np.float32)
    blurred = lambda values: ndimage.gaussian_filter(values, (BLUR, BLUR, 0))
    weight = np.maximum(blurred(known), 1e-6)
    # Channel by channel: a photograph of 24 megapixels has 0.3 GB.
    total = np.zeros_like(known)
    for channel in np.moveaxis(pixels[..., None], 2, 0):
        total += abs(channel - blurred(channel * known) / weight)
    return total / np.float32(pixels.shape[-1])
