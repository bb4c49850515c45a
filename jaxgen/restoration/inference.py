"""A network applied to a photograph of any number of channels, as much of its change as a person wants."""

import functools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from jaxgen import filters
from jaxgen.degradations.resampling import upsample
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import pretrained
from jaxgen.restoration.noise_estimation import estimate
from jaxgen.restoration.restorer import Progress, Restorer, restore
from jaxgen.restoration.tiles import SIDES

GREY_LEVELS = 255
BORDER = 5
"""Pixels, odd, over which what is mended goes over into what is left alone."""
BAND = 128
"""Lines that are enlarged at once: all of a large photograph would take some 0.6 GB a megapixel."""
MARGIN = 4
"""Lines beyond a band that bicubic interpolation may look at."""


class Settings(NamedTuple):
    """What a person can say of how a photograph is restored.

    Attributes:
      sigma: standard deviation of the noise in grey levels of 255; None: estimated.
      strength: share of the change that is made, 0 to 1.
      ensemble: whether the mean over eight views is taken.
      tile: side of the largest tile in pixels.
      mask: float32[height, width, 1], 1 where the photograph is damaged, else 0; None: found.
    """

    sigma: float | None = None
    strength: float = 1.0
    ensemble: bool = False
    tile: int = SIDES[-1]
    mask: np.ndarray | None = None


class Result(NamedTuple):
    """A restored photograph.

    Attributes:
      pixels: float32[height, width, channel] in [0, 1], of the photograph's size or a whole number of times as large.
      told: what was found out about it, in words.
    """

    pixels: np.ndarray
    told: str


Task = Callable[[Photograph, Settings, Progress], Result]

load_noise_level = functools.cache(pretrained.load_noise_level)


@functools.cache
def load(name: str, gives: pretrained.Gives = "pictures") -> Restorer:
    """Returns a shipped network that is applied to pictures.

    Raises:
      UsageError: if this installation has none of that name.
    """
    if name not in pretrained.FILES:
        raise UsageError(
            f"this needs the network {name}, which is not in this installation (it has {', '.join(pretrained.FILES)}): "
            f"`scripts/results restorers {name}` makes it, and --network takes another one"
        )
    return pretrained.load(name, gives)


def apply(network: Restorer, photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns what a network makes of a photograph, told the level of its noise or its mask where it takes one.

    Where it makes pictures larger, the bicubic enlargement is what it is said to change.

    Args:
      network: of one or of three channels.
      photograph: its pixels and its alpha count.
      settings: all of them count.
      progress: takes the number of tiles done and that of all.
    Raises:
      UsageError: if a level or a mask is given to a network that takes none, or a mask is missing.
    """
    told, guide, share = "", settings.mask, settings.strength
    check(network, settings, masked=guide is not None)
    if guide is not None:
        share = share * softened(guide)
    if network.traits.told == "noise":
        sigma, how = settings.sigma, "as given"
        if sigma is None:
            sigma, how = GREY_LEVELS * estimate(load_noise_level(), photograph.pixels, photograph.alpha), "estimated"
        guide, told = sigma / GREY_LEVELS, f"noise σ {sigma:.1f} {how}"
    restored = view(network, photograph.pixels, guide, settings, progress)
    return Result(changed(photograph.pixels, restored, share, network.traits.scale), told)


def check(network: Restorer, settings: Settings, *, masked: bool) -> None:
    """Raises UsageError where a network is told what it does not take, or lacks what it does.

    Args:
      network: to be applied.
      settings: of which the level of noise and the tile count.
      masked: whether there is a mask.
    """
    told = network.traits.told
    if settings.sigma is not None and told != "noise":
        raise UsageError(f"sigma {settings.sigma:g}: this network is told no level of noise; leave it out")
    if settings.tile != SIDES[-1] and network.traits.reach is None:
        raise UsageError(f"tile {settings.tile}: this network is given the whole picture at once; leave it out")
    if masked and told != "mask":
        raise UsageError("mask: this network is told none; leave it out")
    if not masked and told == "mask":
        raise UsageError("this network is told where the photograph is damaged: give --mask, white where it is")


def view(
    network: Restorer, pixels: np.ndarray, guide: float | np.ndarray | None, settings: Settings, progress: Progress
) -> np.ndarray:
    """Returns what a network makes of pixels[height, width, 1 or 3].

    One of gray pictures takes a colour photograph channel by channel, one of colours a gray one three times.
    """
    one = partial(restore, network, guide=guide, ensemble=settings.ensemble, largest=settings.tile, progress=progress)
    channels = network.traits.channels
    if pixels.shape[-1] == channels:
        return one(pixels)
    if channels == 1:
        return np.concatenate([one(pixels[..., [channel]]) for channel in range(pixels.shape[-1])], -1)
    return one(pixels.repeat(channels, -1)).mean(-1, keepdims=True)


def changed(pixels: np.ndarray, restored: np.ndarray, share: float | np.ndarray, scale: int = 1) -> np.ndarray:
    """Returns a share of the change from pixels, enlarged, to restored ones, which are overwritten, within [0, 1]."""
    if np.isscalar(share) and share == 1:
        return np.clip(restored, 0, 1, out=restored)
    # In place: a photograph of 24 megapixels has 0.3 GB.
    pixels = enlarged(pixels, scale)
    restored -= pixels
    restored *= np.float32(share)
    restored += pixels
    return np.clip(restored, 0, 1, out=restored)


def enlarged(values: np.ndarray, scale: int) -> np.ndarray:
    """Returns values[height, width, channel] `scale` times as large by bicubic interpolation; themselves for 1."""
    if scale == 1:
        return values
    height, width, channels = values.shape
    made = np.empty((scale * height, scale * width, channels), np.float32)
    for top in range(0, height, BAND):
        first, end = max(top - MARGIN, 0), min(top + BAND, height)
        band = np.asarray(upsample(values[None, first : min(end + MARGIN, height)], scale)[0])
        made[scale * top : scale * end] = band[scale * (top - first) : scale * (end - first)]
    return made


def halved(values: np.ndarray, of_four: Callable[..., np.ndarray]) -> np.ndarray:
    """Returns values[height, width, channel] at half the size, rounded up, each the mean or the largest of four."""
    height, width, channels = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    return of_four(even.reshape(-(-height // 2), 2, -(-width // 2), 2, channels), (1, 3))


@jax.jit
def spread(mask: jax.Array) -> jax.Array:
    """Returns masks[b, h, w, 1] grown by a border and blurred over it; they stay 1 where they are."""
    return filters.mean(filters.dilate(mask, BORDER // 2), BORDER)


def softened(mask: np.ndarray) -> np.ndarray:
    """Returns a mask[height, width, 1] that is 1 where it was and falls to 0 over a few pixels around."""
    return np.asarray(spread(mask[None])[0])
