"""The tasks of `jaxgen restore`, by name, each done by shipped networks."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxgen.errors import UsageError, unknown
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference, toning
from jaxgen.restoration.estimation import GREY_LEVELS, blockiness
from jaxgen.restoration.inference import Restoration, Result, Settings, apply, blend, load, noise_sigma
from jaxgen.restoration.inpainting import inpaint
from jaxgen.restoration.restorer import Progress, Restorer, no_progress
from jaxgen.restoration.tiles import SIDES
from jaxgen.restoration.transparency import restore_visible

MIN_HAZE = 0.04
"""Root mean square of the change, in [0, 1], below which a photograph counts as free of haze: `dehaze` changes those a
little too."""
HAZE_STRIDE = 4
"""Pixels between those over which that change is measured: what haze changes is smooth."""
MIN_BLOCKINESS = 2.0
"""Grey levels of `blockiness` from which JPEG's blocks are removed: quality 50 or less."""
MIN_NOISE = 3.0
"""Standard deviation in gray levels from which noise is removed."""


class Task(NamedTuple):
    """A task of `jaxgen restore`.

    Attributes:
      restore: does it.
      summary: one line for help and tables.
      takes_sigma: whether the noise level can be set.
      takes_mask: whether the damage can be given by a mask.
      needs_mask: whether it must be.
      scale: size of the result as a multiple of the photograph's.
      network: name of the shipped network that does it alone; empty: there are several.
    """

    restore: Restoration
    summary: str
    takes_sigma: bool = False
    takes_mask: bool = False
    needs_mask: bool = False
    scale: int = 1
    network: str = ""


def denoise(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without noise; see `inference.apply`. A toned one is restored as a gray one."""
    pixels = photograph.pixels
    if pixels.shape[-1] == 1 or not toning.is_toned(pixels):
        network = load("denoise_gray" if pixels.shape[-1] == 1 else "denoise_color")
        return apply(network, photograph, settings, progress)
    gray = photograph._replace(pixels=toning.gray_of(pixels))
    sigma = noise_sigma(gray)
    if settings.sigma is not None:
        # The noise of the brightness is a fraction of the channels', which depends on how much these have in common.
        in_channels = noise_sigma(photograph)
        sigma = settings.sigma * (min(sigma / in_channels, 1.0) if in_channels > MIN_NOISE else 1.0)
    restored = apply(load("denoise_gray"), gray, settings._replace(sigma=sigma, strength=1.0), progress).pixels
    known = f"{settings.sigma:.1f} as set" if settings.sigma is not None else f"{sigma:.1f} estimated"
    result = blend(pixels, toning.toned(restored, pixels), settings.strength)
    return Result(result, f"noise σ {known}, one tone kept")


def dehaze(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without haze, or unchanged where there is hardly any; see `inference.apply`."""
    pixels = photograph.pixels
    clear = apply(load("dehaze"), photograph, settings._replace(strength=1.0), progress).pixels
    change = clear[::HAZE_STRIDE, ::HAZE_STRIDE] - pixels[::HAZE_STRIDE, ::HAZE_STRIDE]
    if np.sqrt(np.mean(change**2)) < MIN_HAZE:
        return Result(pixels, "no haze detected")
    return Result(blend(pixels, clear, settings.strength), "")


def by_shipped(name: str, photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph restored by one shipped network; see `inference.apply`."""
    return apply(load(name), photograph, settings, progress)


def repair(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph with damage inpainted, then JPEG's blocks and then noise removed, each where detected.

    Haze and blur are left alone: a misty morning and a soft background are no damage.
    The noise is estimated with the pixels before inpainting, as inpainted ones have none.

    Args:
      photograph: its pixels and its alpha are used.
      settings: all are used; a mask replaces detection, a noise level replaces its estimate.
      progress: called for each network.
    """
    step = settings._replace(strength=1.0, sigma=None, mask=None)
    pixels, message = inpaint(photograph, settings._replace(strength=1.0), progress)
    messages, inpainted = [message], (pixels != photograph.pixels).any(-1, keepdims=True)
    blocks = blockiness(pixels)
    if blocks > MIN_BLOCKINESS:
        pixels = apply(load("dejpeg"), photograph._replace(pixels=pixels), step, progress).pixels
        messages.append(f"JPEG blocks of {blocks:.1f} gray levels removed")
    sigma = settings.sigma
    if sigma is None:
        sigma = noise_sigma(photograph._replace(pixels=np.where(inpainted, photograph.pixels, pixels)))
    if settings.sigma is not None or sigma > MIN_NOISE:
        photograph_so_far = photograph._replace(pixels=pixels)
        pixels = denoise(photograph_so_far, step._replace(sigma=sigma), progress).pixels
        messages.append(f"noise σ {sigma:.1f} removed")
    return Result(blend(photograph.pixels, pixels, settings.strength), ", ".join(messages))


INPAINT_LINES = partial(inpaint, network="inpaint_lines")
TASKS = {
    "denoise": Task(denoise, "removes noise", takes_sigma=True),
    "dehaze": Task(dehaze, "removes haze"),
    "deblur": Task(partial(by_shipped, "deblur"), "removes Gaussian blur up to σ 3 pixels"),
    "dejpeg": Task(partial(by_shipped, "dejpeg"), "removes JPEG's blocks and ringing"),
    "superres": Task(partial(by_shipped, "superres"), "upsamples by a factor of 4", scale=4, network="superres"),
    "derust": Task(inpaint, "inpaints damage of any kind, detected or given by a mask", takes_mask=True),
    "scratches": Task(
        partial(INPAINT_LINES, tight_network="inpaint_tight"),
        "inpaints tears and scratches, detected or given by a mask",
        takes_mask=True,
    ),
    "inpaint": Task(INPAINT_LINES, "inpaints what a mask shows", takes_mask=True, needs_mask=True),
    "auto": Task(repair, "inpaints detected damage, then removes JPEG's blocks and noise", True, True),
}
"""The tasks by name; a new one is a line here, and tests of its own."""


def choose(name: str, settings: Settings, *, has_mask: bool = False) -> Restoration:
    """Returns the function of a task.

    Args:
      name: one of `TASKS`.
      settings: of every photograph.
      has_mask: whether each photograph will have a mask, where the settings have none yet.
    Raises:
      UsageError: if there is no such task, a setting is out of its range, or the task takes no such setting.
    """
    check_ranges(settings)
    has_mask = has_mask or settings.mask is not None
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    task = TASKS[name]
    if settings.sigma is not None and not task.takes_sigma:
        raise UsageError(f"sigma {settings.sigma:g}: task {name} takes no noise level; leave it out")
    if has_mask and not task.takes_mask:
        others = ", ".join(other for other in TASKS if TASKS[other].takes_mask)
        raise UsageError(f"mask: task {name} restores the whole photograph; leave it out, or choose {others}")
    if task.needs_mask and not has_mask:
        raise UsageError(f"task {name} needs a mask: give --mask, white where to inpaint; scratches detects damage")
    return partial(restore_visible, partial(toning.restore_gray, task.restore))


def by_network(network: Restorer, settings: Settings, *, has_mask: bool = False) -> Restoration:
    """Returns the function that restores photographs by a network of the user's.

    Args:
      network: to be applied.
      settings: of every photograph.
      has_mask: whether each photograph will have a mask, where the settings have none yet.
    Raises:
      UsageError: if a setting is out of its range, or the network takes no such setting or lacks one.
    """
    check_ranges(settings)
    inference.check_settings(network, settings, has_mask=has_mask or settings.mask is not None)
    return partial(restore_visible, partial(apply, network))


def restore_photograph(
    photograph: Photograph, task: str, settings: Settings | None = None, progress: Progress = no_progress
) -> Result:
    """Returns a photograph restored by a task.

    Args:
      photograph: its pixels and its alpha are used.
      task: one of `TASKS`.
      settings: see `Settings`; None: its defaults.
      progress: takes the number of tiles done and the number of all tiles, for each network.
    Raises:
      UsageError: see `choose`.
    """
    settings = settings or Settings()
    return choose(task, settings)(photograph, settings, progress)


def batch_restorer(task: str) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function that restores images float32[n, height, width, channel] in [0, 1] one by one.

    Raises:
      UsageError: see `choose`.
    """
    settings = Settings()
    restore = choose(task, settings)
    one = lambda image: restore(Photograph(np.asarray(image)), settings, no_progress).pixels
    return lambda images: np.stack([one(image) for image in images])


def check_ranges(settings: Settings) -> None:
    """Raises UsageError where a setting is out of its range."""
    if settings.sigma is not None and np.ndim(settings.sigma) > 0:
        raise UsageError("sigma of several values: give one for all images, and call this for each image otherwise")
    if settings.sigma is not None and not 0 <= settings.sigma <= GREY_LEVELS:
        raise UsageError(f"sigma {settings.sigma:g}: give gray levels from 0 to 255, or leave it out to estimate it")
    if settings.tile_size is not None and not SIDES[0] <= settings.tile_size <= SIDES[-1]:
        raise UsageError(f"tile_size {settings.tile_size}: give {SIDES[0]} to {SIDES[-1]} pixels")
    if not 0 <= settings.strength <= 1:
        raise UsageError(f"strength {settings.strength:g}: give 0 (no change) to 1 (all of it)")
