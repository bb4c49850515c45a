"""All damage that can be told from a photograph itself, undone one after the other.

Haze and blur are left to be asked for: a misty morning and a soft background are no damage.
"""

import numpy as np

from jaxgen.io.photographs import Photograph
from jaxgen.restoration.inference import GREY_LEVELS, Result, Settings, apply, changed, load, load_noise_level
from jaxgen.restoration.inpainting import mend
from jaxgen.restoration.noise_estimation import estimate
from jaxgen.restoration.restorer import Progress

BLOCK = 8
BLOCKY = 2.0
"""Grey levels by which the borders of JPEG's blocks stand out from which on they are taken away: quality 50 or less."""
NOISY = 3.0
"""Grey levels of noise from which on it is taken away."""


def repair(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph with damaged places mended, then JPEG's blocks and then noise taken away, each where found.

    Args:
      photograph: its pixels and its alpha count.
      settings: all of them count; a mask that is given is mended, and noise of a level that is given taken away.
      progress: takes the number of tiles done and that of all, for each network.
    """
    whole = settings._replace(strength=1.0, sigma=None, mask=None)
    mended = mend(photograph, settings._replace(strength=1.0), progress)
    pixels, told = mended.pixels, [mended.told]
    blocks = blockiness(pixels)
    if blocks > BLOCKY:
        pixels = apply(load("dejpeg"), photograph._replace(pixels=pixels), whole, progress).pixels
        told.append(f"JPEG's blocks of {blocks:.1f} grey levels taken away")
    sigma = settings.sigma
    if sigma is None:
        sigma = GREY_LEVELS * estimate(load_noise_level(), pixels, photograph.alpha)
    if settings.sigma is not None or sigma > NOISY:
        network = load("denoise_gray" if pixels.shape[-1] == 1 else "denoise_color")
        pixels = apply(network, photograph._replace(pixels=pixels), whole._replace(sigma=sigma), progress).pixels
        told.append(f"noise σ {sigma:.1f} taken away")
    return Result(changed(photograph.pixels, pixels, settings.strength), ", ".join(told))


def blockiness(pixels: np.ndarray) -> float:
    """Returns by how many grey levels steps at every eighth pixel are larger than steps around them.

    Whatever the phase: a photograph may have been cut since it was compressed.

    Args:
      pixels: float32[height, width, channel] in [0, 1].
    """
    gray = pixels.mean(-1)
    if min(gray.shape) < 4 * BLOCK:
        return 0.0
    return float(np.mean([stands_out(gray), stands_out(gray.T)])) * GREY_LEVELS


def stands_out(gray: np.ndarray) -> float:
    """Returns by how much one phase of the steps down the lines of gray[height, width] is larger than any other.

    Of pictures whose pixels were doubled several phases are large.
    """
    steps = np.abs(np.diff(gray, axis=0)).mean(1)
    extra = steps[1:-1] - (steps[:-2] + steps[2:]) / 2
    phases = sorted(extra[phase::BLOCK].mean() for phase in range(BLOCK))
    return phases[-1] - phases[-2]
