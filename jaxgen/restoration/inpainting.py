"""What was there where a photograph is damaged.

A network sees some 90 pixels far, so what is deep inside a large hole is first filled in a photograph of half the size.
"""

import numpy as np
from jax import jit, lax

from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration.detection import find
from jaxgen.restoration.inference import Result, Settings, changed, enlarged, halved, load, softened, view
from jaxgen.restoration.restorer import Progress, Restorer
from jaxgen.restoration.tracing import is_traced

MOST = 0.5
"""Share of a photograph from which on what was found is not believed: flat drawings look like one large hole."""
DEEP = 16
"""Pixels from the nearest known one from which on a place is filled at half the size."""
SMALLEST = 64
"""Pixels of the shorter side below which a photograph is not halved to be filled."""


def mend(photograph: Photograph, settings: Settings, progress: Progress, by: str = "mend", traced: str = "") -> Result:
    """Returns a photograph with its damaged places mended; only a few pixels around them change too.

    Args:
      photograph: its pixels count.
      settings: all of them count but the level of noise; without a mask the places are found.
      progress: takes the number of tiles done and that of all.
      by: name of the network: "mend" knows every kind of damage, "mend_lines" what is narrow, and that better.
      traced: name of the one in its place where the mask ends with the damage; empty: the same.
    """
    pixels, how = photograph.pixels, "as given"
    mask = settings.mask
    if mask is None:
        mask, how = find(pixels, settings), "found"
        if mask.mean() > MOST:
            told = f"{mask.mean():.0%} look damaged, too much to be mended unless --mask shows it"
            return Result(pixels.copy(), told)
    if not mask.any():
        return Result(pixels.copy(), "no damage found")
    name = traced if traced and is_traced(pixels, mask) else by
    restored = filled(load(name), pixels, mask, settings, progress)
    told = f"{mask.mean():.1%} damaged, {how}"
    return Result(changed(pixels, restored, settings.strength * softened(mask)), told)


def fill(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph with the places that a mask shows filled; see `mend`.

    Raises:
      UsageError: if there is no mask.
    """
    if settings.mask is None:
        raise UsageError("inpaint fills what a mask shows, and there is none: give --mask, white where to fill")
    return mend(photograph, settings, progress, "mend_lines")


def filled(
    network: Restorer, pixels: np.ndarray, mask: np.ndarray, settings: Settings, progress: Progress
) -> np.ndarray:
    """Returns what a network makes of pixels[height, width, 1 or 3], where the mask is 1.

    What lies deep is filled at half the size, and is known from there on.
    """
    deep = eroded(mask)
    if not deep.any() or min(mask.shape[:2]) < 2 * SMALLEST:
        return view(network, pixels, mask, settings, progress)
    height, width = mask.shape[:2]
    coarse = filled(network, halved(pixels, np.mean), halved(mask, np.max), settings, progress)
    pixels = np.where(deep > 0, enlarged(coarse, 2)[:height, :width], pixels)
    return np.where(deep > 0, pixels, view(network, pixels, mask - deep, settings, progress))


@jit
def shrunk(mask):
    """Returns masks[b, h, w, 1] without what is near to known pixels; beyond the border nothing is known."""
    for window in ((1, 2 * DEEP + 1, 1, 1), (1, 1, 2 * DEEP + 1, 1)):
        mask = lax.reduce_window(mask, 1.0, lax.min, window, (1, 1, 1, 1), "SAME")
    return mask


def eroded(mask: np.ndarray) -> np.ndarray:
    """Returns the mask[height, width, 1] of places that are at least `DEEP` pixels from known ones."""
    return np.asarray(shrunk(mask[None])[0])
