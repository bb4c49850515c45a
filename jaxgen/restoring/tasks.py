"""What can be done to a photograph, by name, with the networks that come with the installation."""

import functools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxgen import restorers
from jaxgen.degradations.resampling import upsample
from jaxgen.errors import UsageError, unknown
from jaxgen.inference.noise_level import estimate
from jaxgen.inference.restorer import Progress, Restorer, restore
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
      pixels: float32[height, width, channel] in [0, 1], of the photograph's size or a whole number of times as large.
      told: what was found out about it, in words.
    """

    pixels: np.ndarray
    told: str


Task = Callable[[Photograph, Settings, Progress], Result]

load_noise_level = functools.cache(restorers.load_noise_level)


@functools.cache
def load_restorer(name: str) -> Restorer:
    """Returns a shipped restorer.

    Raises:
      UsageError: if this installation has none of that name.
    """
    if name not in restorers.FILES:
        raise UsageError(
            f"this needs the network {name}, which is not in this installation (it has {', '.join(restorers.FILES)}): "
            f"`scripts/results restorers {name}` makes it, and --network takes another one"
        )
    return restorers.load_restorer(name)


def denoise(photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph without its noise.

    Args:
      photograph: its pixels and its alpha count.
      settings: all of them count.
      progress: takes the number of tiles done and that of all.
    """
    network = load_restorer("denoise_gray" if photograph.pixels.shape[-1] == 1 else "denoise_color")
    return apply(network, photograph, settings, progress)


def apply(network: Restorer, photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns what a network makes of a photograph, told the level of its noise where it takes one.

    Where it makes pictures larger, the bicubic enlargement is what it is said to change. A network of gray pictures
    takes a colour photograph channel by channel, one of colours a gray one three times.

    Args:
      network: of one or of three channels, guided by nothing or by a map of the level.
      photograph: its pixels and its alpha count.
      settings: all of them count.
      progress: takes the number of tiles done and that of all.
    Raises:
      UsageError: if a level is given to a network that takes none.
    """
    pixels, told, guide = photograph.pixels, "", None
    if settings.sigma is not None and not network.traits.guides:
        raise UsageError(f"sigma {settings.sigma:g}: this network is told no level of noise; leave it out")
    if network.traits.guides:
        sigma, how = settings.sigma, "as given"
        if sigma is None:
            sigma, how = GREY_LEVELS * estimate(load_noise_level(), pixels, photograph.alpha), "estimated"
        guide, told = sigma / GREY_LEVELS, f"noise σ {sigma:.1f} {how}"
    one = partial(restore, network, guide=guide, ensemble=settings.ensemble, largest=settings.tile, progress=progress)
    restored = by_channels(one, pixels, network.traits.channels)
    pixels = enlarged(pixels, network.traits.scale)
    # In place: a photograph of 24 megapixels has 0.3 GB.
    restored -= pixels
    restored *= np.float32(settings.strength)
    restored += pixels
    return Result(np.clip(restored, 0, 1, out=restored), told)


def enlarged(values: np.ndarray, scale: int) -> np.ndarray:
    """Returns values[height, width, channel] `scale` times as large by bicubic interpolation; themselves for 1."""
    return values if scale == 1 else np.asarray(upsample(values[None], scale)[0])


def by_channels(one: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, channels: int) -> np.ndarray:
    """Returns pixels[height, width, 1 or 3] restored by what takes another number of channels."""
    if pixels.shape[-1] == channels:
        return one(pixels)
    if channels == 1:
        return np.concatenate([one(pixels[..., [channel]]) for channel in range(pixels.shape[-1])], -1)
    return one(pixels.repeat(channels, -1)).mean(-1, keepdims=True)


TASKS: dict[str, Task] = {"denoise": denoise}
"""What each task does."""


def choose(task: str, settings: Settings) -> Task:
    """Returns a task by name.

    Raises:
      UsageError: if there is none, or a setting is out of its range.
    """
    check(settings)
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    return TASKS[task]


def by_network(network: Restorer, settings: Settings) -> Task:
    """Returns the task of restoring by a network of one's own.

    Raises:
      UsageError: if a setting is out of its range.
    """
    check(settings)
    return partial(apply, network)


def clean(task: str, images: np.ndarray) -> np.ndarray:
    """Returns images[n, height, width, channel] restored one by one.

    Raises:
      UsageError: see `choose`.
    """
    settings = Settings()
    act = choose(task, settings)
    return np.stack([act(Photograph(np.asarray(image)), settings, lambda done, total: None).pixels for image in images])


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
