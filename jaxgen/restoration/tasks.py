"""What can be done to a photograph, by name, with the networks that come with the installation."""

from collections.abc import Callable
from functools import partial

import numpy as np

from jaxgen.errors import UsageError, unknown
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference
from jaxgen.restoration.automatic import repair
from jaxgen.restoration.inference import GREY_LEVELS, Result, Settings, Task, apply, changed, load
from jaxgen.restoration.inpainting import fill, mend
from jaxgen.restoration.restorer import Progress, Restorer
from jaxgen.restoration.tiles import SIDES

HAZY = 0.04
"""Root mean square of the change below which a photograph is taken to be clear: `dehaze` changes those a little too."""
SPARSE = 4
"""Pixels between those that are looked at for that: what haze changes is smooth."""


def denoise(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without its noise; see `apply`."""
    network = load("denoise_gray" if photograph.pixels.shape[-1] == 1 else "denoise_color")
    return apply(network, photograph, settings, progress)


def dehaze(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without haze, or as it was where there is hardly any; see `apply`."""
    pixels = photograph.pixels
    clear = apply(load("dehaze"), photograph, settings._replace(strength=1.0), progress).pixels
    difference = clear[::SPARSE, ::SPARSE] - pixels[::SPARSE, ::SPARSE]
    if np.sqrt(np.mean(difference**2)) < HAZY:
        return Result(pixels, "no haze found")
    return Result(changed(pixels, clear, settings.strength), "")


def undo(name: str, photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns what the shipped network of a name makes of a photograph; see `apply`."""
    return apply(load(name), photograph, settings, progress)


TASKS: dict[str, Task] = {
    "denoise": denoise,
    "dehaze": dehaze,
    "deblur": partial(undo, "deblur"),
    "dejpeg": partial(undo, "dejpeg"),
    "superres": partial(undo, "superres"),
    "derust": mend,
    "scratches": partial(mend, by="mend_lines", traced="mend_traced"),
    "inpaint": fill,
    "auto": repair,
}
"""What each task does."""
OF_NOISE = ("denoise", "auto")
"""Tasks that are told the level of noise."""
OF_PLACES = ("derust", "scratches", "inpaint", "auto")
"""Tasks that are told where the damage is."""


def choose(task: str, settings: Settings, *, masked: bool = False) -> Task:
    """Returns a task by name.

    Args:
      task: one of `TASKS`.
      settings: of every photograph.
      masked: whether each photograph will have a mask, where the settings have none yet.
    Raises:
      UsageError: if there is none, a setting is out of its range, or the task takes no such setting.
    """
    check(settings)
    masked = masked or settings.mask is not None
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    if settings.sigma is not None and task not in OF_NOISE:
        raise UsageError(f"sigma {settings.sigma:g}: {task} is told no level of noise; leave it out")
    if masked and task not in OF_PLACES:
        raise UsageError(f"mask: {task} works on the whole photograph; leave it out, or take {', '.join(OF_PLACES)}")
    if task == "inpaint" and not masked:
        raise UsageError("inpaint fills what a mask shows: give --mask, white where to fill; scratches finds damage")
    return TASKS[task]


def by_network(network: Restorer, settings: Settings, *, masked: bool = False) -> Task:
    """Returns the task of restoring by a network of one's own.

    Args:
      network: to be applied.
      settings: of every photograph.
      masked: whether each photograph will have a mask, where the settings have none yet.
    Raises:
      UsageError: if a setting is out of its range, or the network takes no such setting or lacks one.
    """
    check(settings)
    inference.check(network, settings, masked=masked or settings.mask is not None)
    return partial(apply, network)


def make_clean(task: str) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function that restores images[n, height, width, channel] one by one.

    Raises:
      UsageError: see `choose`.
    """
    settings = Settings()
    act = choose(task, settings)
    one = lambda image: act(Photograph(np.asarray(image)), settings, lambda done, total: None).pixels
    return lambda images: np.stack([one(image) for image in images])


def check(settings: Settings) -> None:
    """Raises UsageError where a setting is out of its range."""
    if settings.sigma is not None and not 0 <= settings.sigma <= GREY_LEVELS:
        raise UsageError(
            f"sigma {settings.sigma:g}: give grey levels from 0 to 255, or leave it out to have it estimated"
        )
    if not SIDES[0] <= settings.tile <= SIDES[-1]:
        raise UsageError(f"tile {settings.tile}: give {SIDES[0]} to {SIDES[-1]} pixels")
    if not 0 <= settings.strength <= 1:
        raise UsageError(f"strength {settings.strength:g}: give 0 (nothing changes) to 1 (all of it)")
