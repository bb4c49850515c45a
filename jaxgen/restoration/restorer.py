"""A trained network that restores pictures of any size, with all that applying it needs to know."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxgen.errors import UsageError
from jaxgen.nn.cost import multiply_adds_per_pixel, parameters
from jaxgen.nn.receptive_field import reach
from jaxgen.restoration import tiles
from jaxgen.restoration.ensemble import self_ensemble

WHOLE = 4_194_304
"""Pixels of the largest picture that goes whole through a network without tiles, whose memory grows with it; of one
that works on a thumbnail, its module says `whole`."""

PyTree = Any
Progress = Callable[[int, int], None]


Told = Literal["nothing", "noise", "mask"]
"""What a further channel tells a network: a map of the noise's level, or where the picture is hidden."""


class Traits(NamedTuple):
    """What applying a network, and judging it, needs to know of it.

    Attributes:
      channels: of the pictures.
      told: what it is told of the damage.
      reach: how far it sees in pixels; None: it cannot be applied tile by tile, since it sees everywhere or no tile
        is a multiple of `multiple`.
      multiple: to a multiple of how many pixels it pads.
      multiply_adds: for each pixel.
      parameters: trained numbers.
      scale: how many times as large as what it is given its pictures are.
      whole: pixels of the largest picture that goes through it without tiles, where it has no reach.
    """

    channels: int
    told: Told
    reach: int | None
    multiple: int
    multiply_adds: float
    parameters: int
    scale: int = 1
    whole: int = WHOLE

    @property
    def guides(self) -> int:
        """Further channels of its input."""
        return guides(self.told)


class Restorer(NamedTuple):
    """A network with its variables.

    Attributes:
      network: float32[b, h, w, channels + guides] -> float32[b, scale · h, scale · w, channels], compiled for each
        size.
      traits: of the network.
    """

    network: Callable[[np.ndarray], np.ndarray]
    traits: Traits


def guides(told: Told) -> int:
    """Returns how many further channels tell that."""
    return int(told != "nothing")


def examine(module, variables: PyTree, channels: int, told: Told) -> Traits:
    """Returns the traits of a module (inputs, train) with `multiple`, found by trying it, which takes seconds."""
    inputs = channels + guides(told)
    # What repeats only every 64 pixels or more is given the whole picture: no tile keeps its phase, and to find its
    # reach would take images of thousands of rows.
    return Traits(
        channels=channels,
        told=told,
        reach=reach(module, inputs) if tiles.fit(module.multiple) else None,
        multiple=module.multiple,
        multiply_adds=multiply_adds_per_pixel(module, inputs),
        parameters=parameters(variables),
        scale=getattr(module, "scale", 1),
        whole=getattr(module, "whole", WHOLE),
    )


def make_restorer(module, variables: PyTree, traits: Traits) -> Restorer:
    """Returns the restorer of a module (inputs, train) and of its variables."""
    placed = jax.device_put(variables)
    compiled = jax.jit(lambda variables, inputs: module.apply(variables, inputs, False))
    return Restorer(lambda inputs: np.asarray(compiled(placed, inputs)), traits)


def restore(
    restorer: Restorer,
    image: np.ndarray,
    guide: float | np.ndarray | None = None,
    *,
    ensemble: bool = False,
    largest: int = tiles.SIDES[-1],
    progress: Progress = lambda done, total: None,
) -> np.ndarray:
    """Returns what a restorer makes of a picture of any size.

    Args:
      restorer: the network.
      image: float32[height, width, channels] in [0, 1].
      guide: what it is told besides: a number for the whole picture, or float32[height, width, guides].
      ensemble: whether the mean over the picture's eight views is taken, at eight times the cost.
      largest: side of the largest tile in pixels; see `tiles.tiled`. A network without a reach has no tiles.
      progress: takes the number of tiles done and that of all, for each view.
    Returns:
      float32[scale · height, scale · width, channels]; values may leave [0, 1].
    Raises:
      ValueError: if the picture has not the restorer's channels, or the guide is missing or not asked for.
      UsageError: if the network has no tiles and the picture has more pixels than go through whole.
    """
    traits = restorer.traits
    if image.ndim != 3 or image.shape[-1] != traits.channels:
        raise ValueError(f"a picture of shape {image.shape}: give [height, width, {traits.channels}]")
    if (guide is None) != (traits.guides == 0):
        raise ValueError(f"a restorer that is told {traits.told}: give {'a guide' if traits.guides else 'no guide'}")
    height, width = image.shape[:2]
    if traits.reach is None and height * width > traits.whole:
        fits = tiles.fit(traits.multiple)
        reason = "averages over all of it" if fits else f"repeats only every {traits.multiple} pixels"
        raise UsageError(
            f"a picture of {width}×{height} pixels: this network {reason} and cannot go tile by tile; "
            f"give at most {traits.whole / 1e6:.1f} megapixels, or take another network"
        )
    if guide is not None:
        told = np.broadcast_to(np.asarray(guide, np.float32), (height, width, traits.guides))
        image = np.concatenate([image, told], -1)

    def apply(view: np.ndarray) -> np.ndarray:
        if traits.reach is None:
            return np.array(restorer.network(view[None])[0])
        return tiles.tiled(
            restorer.network,
            view,
            reach=traits.reach,
            multiple=traits.multiple,
            scale=traits.scale,
            largest=largest,
            progress=progress,
        )

    return self_ensemble(apply, image) if ensemble else apply(image)
