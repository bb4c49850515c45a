"""What an experiment in restoration can damage its pictures with, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen import degradations
from jaxgen.config.base import Condition
from jaxgen.config.noise import NoiseHyper, noisy
from jaxgen.degradations.parameters import streams, uniform
from jaxgen.errors import UsageError
from jaxgen.filters import dilate
from jaxgen.io.images import LUMA
from jaxgen.objectives.restoration import Damage, Degrade
from jaxgen.training.schedules import Hyper as Numbers

Kind = Literal[
    "noise",
    "blur",
    "jpeg",
    "haze",
    "downsample",
    "warp",
    "rust",
    "stain",
    "foxing",
    "holes",
    "tears",
    "scratches",
    "torn",
    "worn",
    "ruined",
    "gray",
    "given",
]
LEVELS = 255
VISIBLE = 0.1
"""Opacity from which on damage counts as hiding the picture, in the mask that a network is told and judged by."""
COVERED = 0.2
"""Opacity from which on a layer that is made opaque hides all of the picture."""
TEXTURE = 0.1
"""Largest standard deviation of what such a layer is made of, for colours to 1."""
SOFT = (0.0, 1.2)
"""Standard deviations of a scan's blur, in pixels."""
SAVED = (30.0, 100.0)
"""Qualities of a scan's JPEG file."""
WIDEST = 4
"""Pixels by which a mask may be grown."""
LAYERS = {name: getattr(degradations, name) for name in ("rust", "stain", "foxing", "tears", "scratches")}
"""What lies over a picture, each (key, images) -> (images, opacity)."""
OVERLAID = ("torn", "worn", "ruined")
"""Damage of several kinds, each by chance."""
HIDING = (*LAYERS, "holes", *OVERLAID)
"""Damage that hides some places, of which there is a mask."""

Images = Callable[[Array, Array, Numbers], Array]
Layer = Callable[[Array, Array], tuple[Array, Array]]
Overlay = Callable[[Array, Array, Numbers], tuple[Array, Array]]


@dataclass(frozen=True)
class DamageHyper(NoiseHyper):
    """How strong each kind of damage is."""

    grain: float = 0.0
    """Largest standard deviation of noise that comes to any other damage, in grey levels of 255."""
    chance: float = 0.4
    """Probability of each kind of damage in torn, worn and ruined."""
    margin: float = 0.0
    """Most pixels, to 4, by which a mask that is told reaches beyond what is hidden, as one drawn by hand does."""
    opaque: float = 0.0
    """Probability that what hides places is made opaque and of any colour, as letters and real cracks are."""
    blur_low: float = 0.5
    """Smallest standard deviation of a blur, in pixels."""
    blur_high: float = 3.0
    """Largest standard deviation of a blur, in pixels."""
    quality_low: float = 5.0
    """Lowest JPEG quality, from 1."""
    quality_high: float = 60.0
    """Highest JPEG quality, to 100."""
    haze_low: float = 0.6
    """Smallest scattering coefficient of haze, for depth to 1."""
    haze_high: float = 1.8
    """Largest scattering coefficient of haze."""


def check_probabilities(hyper: Any, *names: str) -> None:
    """Raises UsageError where a number of a recipe that is a probability is none."""
    for name in names:
        if not 0 <= getattr(hyper, name) <= 1:
            raise UsageError(f"hyper.{name} is {getattr(hyper, name):g}: give a probability, 0 to 1")


def with_damage(*kinds: Kind) -> Callable[[Any], bool]:
    """Returns what tells whether a configuration's damage is one of some."""
    return lambda config: config.damage in kinds


DAMAGE_CONDITIONS = (
    Condition(("hyper.sigma", "hyper.blind"), "set damage to noise", with_damage("noise")),
    Condition(
        ("hyper.grain",),
        "set damage to one that noise may come to",
        lambda config: config.damage not in ("noise", "downsample", "gray", "given"),
    ),
    Condition(("hyper.chance",), "set damage to torn, worn or ruined", with_damage(*OVERLAID)),
    Condition(
        ("hyper.margin",),
        "set conditioning, and damage to one that hides places",
        lambda config: config.damage in HIDING and getattr(config, "conditioning", False),
    ),
    Condition(("hyper.opaque",), "set damage to one that hides places", with_damage(*HIDING)),
    Condition(("hyper.blur_low", "hyper.blur_high"), "set damage to blur", with_damage("blur")),
    Condition(("hyper.quality_low", "hyper.quality_high"), "set damage to jpeg", with_damage("jpeg")),
    Condition(("hyper.haze_low", "hyper.haze_high"), "set damage to haze", with_damage("haze")),
)
"""Of the numbers of `DamageHyper`, which kind of damage looks at them."""


def noise(keys: Array, images: Array, hyper: Numbers) -> Damage:
    """Returns images with Gaussian noise, guided by a map of its level."""
    made, sigma = noisy(keys, images, hyper)
    return Damage(made, jnp.broadcast_to(sigma[:, None, None, None], (*made.shape[:-1], 1)).astype(made.dtype))


def blurred(keys: Array, images: Array, hyper: Numbers) -> Array:
    """Returns images blurred by Gaussians of random width, alike in all directions."""
    return degradations.blur(keys, images, uniform(keys, len(images), hyper["blur_low"], hyper["blur_high"]))


def compressed(keys: Array, images: Array, hyper: Numbers) -> Array:
    """Returns images as JPEG files of random quality show them."""
    return degradations.jpeg(keys, images, uniform(keys, len(images), hyper["quality_low"], hyper["quality_high"]))


def hazy(keys: Array, images: Array, hyper: Numbers) -> Array:
    """Returns images through haze of random thickness."""
    return degradations.haze(keys, images, beta=(hyper["haze_low"], hyper["haze_high"]))


def warped(keys: Array, images: Array, hyper: Numbers) -> Array:
    """Returns images bent out of shape."""
    return degradations.warp(keys, images)


def gray(keys: Array, images: Array, hyper: Numbers) -> Damage:
    """Returns images without their colours, in as many channels."""
    return Damage(jnp.broadcast_to((images * LUMA).sum(-1, keepdims=True), images.shape))


def given(keys: Array, images: Array, hyper: Numbers) -> Damage:
    """Returns images as they are: of pairs, those that come damaged."""
    return Damage(images)


def everywhere(change: Images, keys: Array, images: Array, hyper: Numbers) -> Damage:
    """Returns images changed in all places, with grain."""
    first, second = streams(keys, len(images), 2)
    return Damage(grainy(second, change(first, images, hyper), hyper))


def hidden(overlay: Overlay, told: bool, keys: Array, images: Array, hyper: Numbers) -> Damage:
    """Returns images some places of which are hidden, with grain, guided by a mask of these places where it is told."""
    first, second, third, fourth = streams(keys, len(images), 4)
    laid = (images, *overlay(first, images, hyper))
    _, made, opacity = degradations.apply_if(hyper["opaque"], painted)(fourth, laid)
    mask = (opacity >= VISIBLE).astype(images.dtype)
    return Damage(grainy(second, made, hyper), widened(third, mask, hyper) if told else None, mask)


def painted(keys: Array, laid: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """Returns pictures whose hidden places are under one colour, another in each, and where it lies on them.

    Args:
      keys: key[batch].
      laid: what is hidden, float[batch, height, width, channel], the damaged pictures, and opacity[batch, height,
        width, 1]; the colour is opaque from an opacity of `COVERED` on, and its edges stay soft.
    """
    shade, level, draw = streams(keys, len(laid[0]), 3)
    images, _, opacity = laid
    cover = jnp.clip(opacity / COVERED, 0, 1)
    colour = jax.vmap(lambda key: jax.random.uniform(key, images.shape[-1:], images.dtype))(shade)
    grain = uniform(level, len(images), 0.0, TEXTURE)
    paint = degradations.gaussian_noise(draw, jnp.broadcast_to(colour[:, None, None], images.shape), grain)
    return images, images + cover * (jnp.clip(paint, 0, 1) - images), cover


def widened(keys: Array, mask: Array, hyper: Numbers) -> Array:
    """Returns masks[b, h, w, 1] grown on all sides by ⌊u²(margin + 1)⌋ pixels, by few more often than by many."""
    pixels = jnp.floor((hyper["margin"] + 1) * uniform(keys, len(mask)) ** 2)[:, None, None, None]
    for already in range(WIDEST):
        mask = jnp.where(already < pixels, dilate(mask, 1), mask)
    return mask


def emptied(keys: Array, images: Array) -> tuple[Array, Array]:
    """Returns images with holes through which one gray shows, another in each, and their mask."""
    shade, draw = streams(keys, len(images), 2)
    return degradations.holes(draw, images, uniform(shade, len(images)))


def alone(layer: Layer, keys: Array, images: Array, hyper: Numbers) -> tuple[Array, Array]:
    """Returns images under one layer, and its opacity."""
    return layer(keys, images)


def overlaid(layers: Sequence[Layer], keys: Array, images: Array, hyper: Numbers) -> tuple[Array, Array]:
    """Returns images under several layers, each by chance, and the largest opacity."""

    def over(layer: Layer, key: Array, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        made, opacity = layer(key, pair[0])
        return made, jnp.maximum(pair[1], opacity.astype(images.dtype))

    perhaps = [degradations.apply_if(hyper["chance"], partial(over, layer)) for layer in layers]
    return degradations.compose(*perhaps)(keys, (images, jnp.zeros((*images.shape[:-1], 1), images.dtype)))


def small(keys: Array, images: Array, hyper: Numbers, scale: int) -> Damage:
    """Returns images made smaller, cut and rounded to 8 bits as those of the published tables."""
    return Damage(jnp.round(jnp.clip(degradations.downsample(keys, images, scale), 0, 1) * LEVELS) / LEVELS)


def grainy(keys: Array, images: Array, hyper: Numbers) -> Array:
    """Returns images with noise of any level up to `grain`."""
    level, draw = streams(keys, len(images), 2)
    return degradations.gaussian_noise(draw, images, uniform(level, len(images), 0.0, hyper["grain"]) / LEVELS)


def make_degrade(kind: Kind, *, told: bool, scale: int = 1) -> Degrade:
    """Returns the damage of an experiment.

    Args:
      kind: of the damage.
      told: whether the network is guided by the level of noise, or by the mask of what is hidden.
      scale: by how much `downsample` makes images smaller.
    """
    changes = {"blur": blurred, "jpeg": compressed, "haze": hazy, "warp": warped}
    layers = LAYERS | {"holes": emptied}
    overlays = {name: partial(alone, layer) for name, layer in layers.items()} | {
        "torn": partial(overlaid, (LAYERS["tears"], LAYERS["scratches"])),
        "worn": partial(overlaid, tuple(LAYERS.values())),
        "ruined": partial(overlaid, tuple(layers.values())),
    }
    damages = {
        "noise": noise,
        "gray": gray,
        "given": given,
        "downsample": partial(small, scale=scale),
        **{name: partial(everywhere, change) for name, change in changes.items()},
        **{name: partial(hidden, overlay, told) for name, overlay in overlays.items()},
    }
    damage = damages[kind]

    def degrade(keys: Array, images: Array, hyper: Numbers) -> Damage:
        made = damage(keys, images, hyper)
        return made if told else made._replace(guide=None)

    return degrade


def as_scanned(degrade: Degrade) -> Degrade:
    """Returns the damage after which some pictures are scanned.

    Args:
      degrade: what befalls them before.
    Returns:
      The same, whose hyper has the probability of it, `scanned`.
    """

    def degrade_and_scan(keys: Array, images: Array, hyper: Numbers) -> Damage:
        first, second = streams(keys, len(images), 2)
        made = degrade(first, images, hyper)
        return made._replace(images=degradations.apply_if(hyper["scanned"], scan)(second, made.images))

    return degrade_and_scan


def scan(keys: Array, images: Array) -> Array:
    """Returns images blurred a little and saved as JPEG."""
    first, second = streams(keys, len(images), 2)
    soft = degradations.blur(keys, images, uniform(first, len(images), *SOFT))
    return degradations.jpeg(keys, soft, uniform(second, len(images), *SAVED)).astype(images.dtype)
