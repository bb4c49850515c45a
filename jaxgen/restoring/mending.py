"""Places of a photograph that are damaged: where they are, and what was there."""

import jax
import numpy as np

from jaxgen import filters
from jaxgen.errors import UsageError
from jaxgen.inference.restorer import Progress
from jaxgen.photographs import Photograph
from jaxgen.restoring.applying import Result, Settings, changed, load, view

LIKELY = 0.5
"""Probability from which on a pixel counts as damaged."""
BORDER = 5
"""Pixels, odd, over which what is mended goes over into what is left alone."""


def mend(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph with its damaged places mended and all others as they were.

    Args:
      photograph: its pixels count.
      settings: all of them count but the level of noise; without a mask the places are found.
      progress: takes the number of tiles done and that of all.
    """
    pixels, how = photograph.pixels, "as given"
    mask = settings.mask
    if mask is None:
        mask, how = find(pixels, settings), "found"
    if not mask.any():
        return Result(pixels.copy(), "no damage found")
    restored = view(load("mend"), pixels, mask, settings, progress)
    told = f"{mask.mean():.1%} damaged, {how}"
    return Result(changed(pixels, restored, settings.strength * softened(mask)), told)


def fill(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph with the places that a mask shows filled; see `mend`.

    Raises:
      UsageError: if there is no mask.
    """
    if settings.mask is None:
        raise UsageError("inpaint fills what a mask shows, and there is none: give --mask, white where to fill")
    return mend(photograph, settings, progress)


def find(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    """Returns where a photograph is damaged, float32[height, width, 1] of 0 and 1.

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
      settings: the tile counts.
    """
    alone = Settings(tile=settings.tile)
    logits = view(load("detect", "masks"), pixels, None, alone, lambda done, total: None)
    return (logits > np.log(LIKELY / (1 - LIKELY))).astype(np.float32)


@jax.jit
def spread(mask: np.ndarray) -> jax.Array:
    """Returns masks[b, h, w, 1] grown by a border and blurred over it; they stay 1 where they are."""
    return filters.mean(
        jax.lax.reduce_window(mask, 0.0, jax.lax.max, (1, BORDER, BORDER, 1), (1, 1, 1, 1), "SAME"), BORDER
    )


def softened(mask: np.ndarray) -> np.ndarray:
    """Returns a mask[height, width, 1] that is 1 where it was and falls to 0 over a few pixels around."""
    return np.asarray(spread(mask[None])[0])
