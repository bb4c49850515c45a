"""What can be done to a photograph, by name, with the networks that come with the installation."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxgen import restorers
from jaxgen.errors import UsageError, unknown
from jaxgen.inference.noise_level import estimate
from jaxgen.inference.restorer import Progress, restore
from jaxgen.inference.tiles import SIDES
from jaxgen.photographs import Photograph

GREY_LEVELS = 255


class Settings(NamedTuple):
    """What a person can say of how a photograph is restored.

    Attributes:
      sigma: standard deviation of the noise in grey levels of 255; None: estimated.
      strength: share of the change that is made, 0 to 1.
      ensemble: whether the mean over eight views is taken.
      tile: side of the largest tile in pixels.
    """

    sigma: float | None = None
    strength: float = 1.0
    ensemble: bool = False
    tile: int = SIDES[-1]


class Result(NamedTuple):
    """A restored photograph.

    Attributes:
      pixels: float32[height, width, channel] in [0, 1].
      told: what was found out about it, in words.
    """

    pixels: np.ndarray
    told: str


Task = Callable[[Photograph, Settings, Progress], Result]

load_restorer = functools.cache(restorers.load_restorer)
load_noise_level = functools.cache(restorers.load_noise_level)


def denoise(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without its noise.

    Args:
      photograph: its pixels and its alpha count.
      settings: all of them count.
      progress: takes the number of tiles done and that of all.
    """
    pixels = photograph.pixels
    sigma, how = settings.sigma, "as given"
    if sigma is None:
        sigma, how = GREY_LEVELS * estimate(load_noise_level(), pixels, photograph.alpha), "estimated"
    network = load_restorer("denoise_gray" if pixels.shape[-1] == 1 else "denoise_color")
    restored = restore(
        network,
        pixels,
        sigma / GREY_LEVELS,
        ensemble=settings.ensemble,
        largest=settings.tile,
        progress=progress,
    )
    # In place: a photograph of 24 megapixels has 0.3 GB.
    restored -= pixels
    restored *= np.float32(settings.strength)
    restored += pixels
    return Result(np.clip(restored, 0, 1, out=restored), f"noise σ {sigma:.1f} {how}")


TASKS: dict[str, Task] = {"denoise": denoise}
"""What each task does."""

NETWORKS = {"denoise": ("noise_level", "denoise_gray", "denoise_color")}
"""The shipped networks that each task needs."""


def choose(task: str, settings: Settings) -> Task:
    """Returns a task by name.

    Raises:
      UsageError: if there is none, its networks are missing, or a setting is out of its range.
    """
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    if missing := [name for name in NETWORKS[task] if name not in restorers.FILES]:
        raise UsageError(
            f"task {task}: networks are missing here: {', '.join(missing)}; `scripts/results restorers` makes them"
        )
    if settings.sigma is not None and not 0 <= settings.sigma <= GREY_LEVELS:
        raise UsageError(
            f"sigma {settings.sigma:g}: give grey levels from 0 to 255, or leave it out to have it estimated"
        )
    if not SIDES[0] <= settings.tile <= SIDES[-1]:
        raise UsageError(f"tile {settings.tile}: give {SIDES[0]} to {SIDES[-1]} pixels")
    if not 0 <= settings.strength <= 1:
        raise UsageError(f"strength {settings.strength:g}: give 0 (nothing changes) to 1 (all of it)")
    return TASKS[task]
