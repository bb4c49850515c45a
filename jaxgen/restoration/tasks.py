"""The tasks of `jaxgen restore`, by name, each done by shipped networks."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxgen.errors import UsageError, unknown
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference, toning
from jaxgen.restoration.analysis import haze
from jaxgen.restoration.analysis.evidence import MIN_BLUR, blur_sigma, is_compressed
from jaxgen.restoration.analysis.noise import GREY_LEVELS, MIN_NOISE
from jaxgen.restoration.inference import Restoration, Result, Settings, apply, blend, load, noise_sigma
from jaxgen.restoration.inpainting import inpaint
from jaxgen.restoration.restorer import Progress, Restorer, no_progress
from jaxgen.restoration.tiles import SIDES
from jaxgen.restoration.transparency import restore_visible


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
      gives_mask: whether the result is the mask of the damage, 1 channel.
      takes_force: whether it can be forced to restore where what it detects is not sure.
    """

    restore: Restoration
    summary: str
    takes_sigma: bool = False
    takes_mask: bool = False
    needs_mask: bool = False
    scale: int = 1
    network: str = ""
    gives_mask: bool = False
    takes_force: bool = False


def denoise(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without noise, or unchanged where hardly any is estimated; see `inference.apply`.

    A toned photograph is restored as a gray one, and gets its tone back.
    """
    pixels = photograph.pixels
    is_toned = pixels.shape[-1] > 1 and toning.is_toned(pixels)
    gray = photograph._replace(pixels=toning.gray_of(pixels)) if is_toned else photograph
    sigma = settings.sigma
    if sigma is None:
        sigma = noise_sigma(gray)
        if sigma < MIN_NOISE and not settings.force:
            return unchanged(photograph, f"no noise detected (σ {sigma:.1f} gray levels)")
        message = f"noise σ {sigma:.1f} gray levels estimated"
    else:
        message = f"noise σ {sigma:.1f} gray levels as set"
        if is_toned and (in_channels := noise_sigma(photograph)) > MIN_NOISE:
            # The noise of the brightness is a fraction of the channels', which depends on how much these share.
            sigma *= min(noise_sigma(gray) / in_channels, 1.0)
    network = load("denoise_gray" if gray.pixels.shape[-1] == 1 else "denoise_color")
    if not is_toned:
        return by_shipped(network, message, photograph, settings._replace(sigma=sigma), progress)
    restored = by_shipped(network, message, gray, settings._replace(sigma=sigma, strength=1.0), progress).pixels
    out = pixels if settings.in_place and settings.strength == 1 else None
    result = pixels if settings.dry_run else blend(pixels, toning.toned(restored, pixels, out), settings.strength)
    return Result(result, f"{message}, one tone kept")


def dehaze(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without haze, or unchanged where it is not surely hazy; see `inference.apply`."""
    confidence = haze.confidence(photograph.pixels)
    if confidence < haze.MIN_CONFIDENCE and not settings.force:
        return unchanged(photograph, f"no haze detected (confidence {confidence:.2f})")
    return by_shipped(load("dehaze"), f"haze detected with confidence {confidence:.2f}", photograph, settings, progress)


def deblur(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a sharper photograph, or unchanged where its sharpest edges are sharp enough; see `inference.apply`."""
    sigma = blur_sigma(photograph.pixels)
    if sigma < MIN_BLUR and not settings.force:
        return unchanged(photograph, f"no blur detected (σ {sigma:.1f} pixels at the sharpest edges)")
    return by_shipped(load("deblur"), f"blur σ {sigma:.1f} pixels", photograph, settings, progress)


def dejpeg(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without traces of JPEG, or unchanged where there are none; see `inference.apply`."""
    if not is_compressed(photograph.pixels) and not settings.force:
        return unchanged(photograph, "no traces of JPEG at a quality below 85 detected")
    return by_shipped(load("dejpeg"), "traces of JPEG", photograph, settings, progress)


def superres(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph enlarged four times; see `inference.apply`."""
    return by_shipped(load("superres"), "", photograph, settings, progress)


def by_shipped(
    network: Restorer, message: str, photograph: Photograph, settings: Settings, progress: Progress
) -> Result:
    """Returns a photograph restored by one network, or untouched in a dry run; see `inference.apply`."""
    if settings.dry_run:
        return Result(photograph.pixels, message)
    return apply(network, photograph, settings, progress)._replace(message=message)


def unchanged(photograph: Photograph, message: str) -> Result:
    """Returns the result of a task that has nothing to restore."""
    return Result(photograph.pixels, f"{message}, unchanged", is_found=False)


def repair(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without the damage that is detected in it.

    Noise, JPEG's traces and blur are looked for in the untouched photograph, since inpainted pixels have none. Damage
    to be inpainted is looked for where noise and JPEG's traces are gone: the detectors take them for damage. Haze was
    there before all of it, and is looked for last.

    Args:
      photograph: its pixels and its alpha are used.
      settings: all are used; a mask replaces detection, a noise level replaces its estimate.
      progress: called for each network.
    """
    plain = in_full(settings)
    is_blurred = blur_sigma(photograph.pixels) >= MIN_BLUR
    found = without_noise(photograph, settings, progress)
    damage = apply_next(found, photograph, inpaint, plain._replace(mask=settings.mask), progress)
    mask = next((result.mask for result in found if result.mask is not None), None)
    if is_blurred:
        apply_next(found, photograph, deblur, plain._replace(force=True), progress)
    apply_next(found, photograph, dehaze, plain, progress)
    if not found:
        return Result(photograph.pixels, damage.message, is_found=False)
    messages = [result.message for result in found]
    if damage.mask is not None and not damage.is_found:  # Too much of it to inpaint.
        messages.append(damage.message)
    message = ", ".join(messages)
    pixels = photograph.pixels
    if not settings.dry_run:
        pixels = blend(pixels, found[-1].pixels, settings.strength)
    return Result(pixels, message, mask)


def detect(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns the mask of a photograph's damage, float32[height, width, 1], 1 where `auto` would inpaint."""
    before = without_noise(photograph, settings, progress)
    found = apply_next(before, photograph, inpaint, settings._replace(dry_run=True), progress)
    mask = np.zeros_like(photograph.pixels[..., :1]) if found.mask is None else found.mask
    return found._replace(pixels=mask, mask=mask)


def without_noise(photograph: Photograph, settings: Settings, progress: Progress) -> list[Result]:
    """Returns the results, none to two, of removing JPEG's traces and then noise, as they are found in a photograph.

    Args:
      photograph: its pixels and its alpha are used.
      settings: a noise level replaces its estimate.
      progress: called for each network.
    """
    plain, found = in_full(settings), list[Result]()
    sigma = noise_sigma(photograph) if settings.sigma is None else settings.sigma
    apply_next(found, photograph, dejpeg, plain, progress)
    if settings.sigma is not None or sigma >= MIN_NOISE:
        apply_next(found, photograph, denoise, plain._replace(sigma=sigma), progress)
        if settings.sigma is None:
            found[-1] = found[-1]._replace(message=f"noise σ {sigma:.1f} gray levels estimated")
    return found


def in_full(settings: Settings) -> Settings:
    """Returns the settings of the tasks that are applied one after the other: each as it detects, at full strength."""
    in_place = settings.in_place and settings.strength == 1  # Else the photograph is blended with their result.
    return settings._replace(strength=1.0, sigma=None, mask=None, force=False, dry_run=False, in_place=in_place)


def apply_next(
    found: list[Result], photograph: Photograph, task: Restoration, settings: Settings, progress: Progress
) -> Result:
    """Applies one more task to a photograph, and adds its result to the former ones where it finds anything.

    Args:
      found: of the tasks before, the last one's pixels are restored further; their pixels are overwritten.
      photograph: as it was before all tasks; its pixels are changed in place alone.
      task, settings, progress: the task and its arguments.
    """
    before = photograph._replace(pixels=found[-1].pixels) if found else photograph
    result = task(before, settings._replace(in_place=settings.in_place or bool(found)), progress)
    if result.is_found:
        # The pixels of the tasks before are freed.
        found[:] = [*(one._replace(pixels=result.pixels) for one in found), result]
    return result


INPAINT_LINES = partial(inpaint, network="inpaint_lines")
TASKS = {
    "denoise": Task(denoise, "removes noise", takes_sigma=True, takes_force=True),
    "dehaze": Task(dehaze, "removes haze", takes_force=True),
    "deblur": Task(deblur, "removes Gaussian blur up to σ 3 pixels", takes_force=True),
    "dejpeg": Task(dejpeg, "removes JPEG's blocks and ringing", takes_force=True),
    "superres": Task(superres, "upsamples by a factor of 4", scale=4, network="superres"),
    "derust": Task(
        inpaint, "inpaints damage of any kind, detected or given by a mask", takes_mask=True, takes_force=True
    ),
    "scratches": Task(
        partial(INPAINT_LINES, tight_network="inpaint_tight"),
        "inpaints tears and scratches, detected or given by a mask",
        takes_mask=True,
        takes_force=True,
    ),
    "inpaint": Task(INPAINT_LINES, "inpaints what a mask shows", takes_mask=True, needs_mask=True),
    "detect": Task(detect, "writes the mask of the damage that auto would inpaint", gives_mask=True, takes_force=True),
    "auto": Task(repair, "removes what it detects: JPEG's traces, noise, damage, blur, haze", True, True),
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
    if settings.force and not task.takes_force:
        others = ", ".join(other for other in TASKS if TASKS[other].takes_force)
        raise UsageError(f"force: it is for {others}, and not for {name}; leave it out")
    if settings.sigma is not None and not task.takes_sigma:
        raise UsageError(f"sigma {settings.sigma:g}: task {name} takes no noise level; leave it out")
    if has_mask and not task.takes_mask:
        others = ", ".join(other for other in TASKS if TASKS[other].takes_mask)
        raise UsageError(f"mask: task {name} restores the whole photograph; leave it out, or choose {others}")
    if settings.force and has_mask:
        raise UsageError("force: the mask says where the damage is; leave it out")
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
