"""Synthetic damage of training images: the option `--damage`, its hyperparameters, and the function that applies it.

Names, hyperparameters and help come from `jaxgen.degradations.DEGRADATIONS`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from typing_extensions import Doc

from jaxgen import degradations
from jaxgen.config.base import Condition, Hyper, hyper_condition
from jaxgen.degradations.draws import split_keys, uniform
from jaxgen.degradations.noise import GaussianNoiseHyper
from jaxgen.degradations.registry import DEGRADATIONS, OPACITY_THRESHOLD, Degradation
from jaxgen.errors import UsageError, unknown
from jaxgen.fields import GrayLevels, Probability, Range
from jaxgen.filters import dilate
from jaxgen.objectives.restoration import Damage, Degrade
from jaxgen.training.schedules import Hyper as HyperArrays

LEVELS = 255
OPAQUE_THRESHOLD = 0.2
"""Opacity from which an opaque overlay hides a pixel completely."""
MAX_TEXTURE = 0.1
"""Largest standard deviation of the color of an opaque overlay, for colors in [0, 1]."""
SCAN_BLUR = (0.0, 1.2)
"""Range of the standard deviation of a scan's blur, in pixels."""
SCAN_QUALITY = (30.0, 100.0)
"""Range of the quality of a scan's JPEG file."""
MAX_DILATION = 4
"""Largest dilation of a mask, in pixels."""

NONE = Degradation(
    lambda key, images: images,
    "nothing: the images are damaged already, as those of data.name pairs are",
    name="none",
    random=False,
    sample=lambda keys, images, hyper: images,
    grain=False,
)
DAMAGES: dict[str, Degradation] = DEGRADATIONS | {"none": NONE}
"""The degradations that an experiment can apply to its training images, by the value of `--damage`: all there are."""
OVERLAYS: tuple[str, ...] = tuple(name for name, entry in DAMAGES.items() if entry.returns == "opacity")
"""Those that hide some pixels and so have a mask."""
NOISES: tuple[str, ...] = tuple(name for name, entry in DAMAGES.items() if entry.returns == "noise_level")
"""Those that have a noise level."""


def described(names: Iterable[str]) -> str:
    """Returns the help of an option that takes one of several names."""
    return "Synthetic damage of the images. " + "; ".join(f"{name}: {DAMAGES[name].about}" for name in names) + "."


if TYPE_CHECKING:
    DamageName = str
    NoiseName = str
    OverlayName = str
else:
    DamageName = Annotated[Literal[tuple(DAMAGES)], Doc(described(DAMAGES))]
    NoiseName = Annotated[Literal[NOISES], Doc(described(NOISES))]
    OverlayName = Annotated[Literal[OVERLAYS], Doc(described(OVERLAYS))]


def hyper_classes(names: Iterable[str]) -> tuple[type, ...]:
    """Returns the dataclasses of the hyperparameters of some degradations, each once."""
    return tuple(dict.fromkeys(kind for name in names if (kind := DAMAGES[name].hyper)))


@dataclass(frozen=True)
class NoiseHyper(GaussianNoiseHyper, Hyper):
    """Hyperparameters of an experiment with Gaussian noise alone."""


@dataclass(frozen=True)
class OverlayHyper(*hyper_classes(OVERLAYS), Hyper):
    """Hyperparameters of damage that hides some pixels."""

    grain: GrayLevels = 0.0
    """Largest standard deviation of noise added after any other damage, in gray levels (0 to 255)."""
    opaque_probability: Probability = 0.0
    """Probability that an overlay is opaque and of one random color, like letters and real cracks."""


@dataclass(frozen=True)
class DamageHyper(*hyper_classes(name for name in DAMAGES if name not in OVERLAYS), OverlayHyper):
    """Hyperparameters of every degradation."""

    mask_dilation: Annotated[float, Range(minimum=0, maximum=MAX_DILATION)] = 0.0
    """Largest dilation of the mask that the network receives, 0 to 4 pixels, as masks drawn by hand are too large."""


def check_ranges(hyper: Any) -> None:
    """Raises UsageError where the lower end of a range exceeds the upper end."""
    values = {field.name: getattr(hyper, field.name) for field in fields(hyper)}
    for name, value in values.items():
        high = f"{name.removesuffix('_low')}_high"
        if name.endswith("_low") and value > values.get(high, value):
            raise UsageError(f"hyper.{name} is {value:g} and hyper.{high} is {values[high]:g}: give them in order")


def has_damage(*names: str) -> Callable[[Any], bool]:
    """Returns the predicate whether a configuration's damage is one of some."""
    return lambda config: config.damage in names


def damage_conditions(damages: Iterable[str]) -> tuple[Condition, ...]:
    """Returns the conditions under which the hyperparameters of some degradations have an effect."""
    conditions = []
    for kind in hyper_classes(damages):
        names = [name for name in damages if DAMAGES[name].hyper is kind]
        conditions.append(hyper_condition(kind, f"set damage to {' or '.join(names)}", has_damage(*names)))
    grain = [name for name in damages if DAMAGES[name].grain]
    return (*conditions, Condition(("hyper.grain",), "set damage to one that noise is added to", has_damage(*grain)))


DAMAGE_CONDITIONS = (
    *damage_conditions(tuple(DAMAGES)),
    Condition(
        ("hyper.mask_dilation",),
        "set conditioning, and damage to one that hides pixels",
        lambda config: config.damage in OVERLAYS and getattr(config, "conditioning", False),
    ),
    Condition(("hyper.opaque_probability",), "set damage to one that hides pixels", has_damage(*OVERLAYS)),
)
"""Which damage each field of `DamageHyper` belongs to."""


def make_degrade(name: str, *, condition: bool, scale: int = 1) -> Degrade:
    """Returns the function that damages the images of an experiment.

    Args:
      name: of the damage, a key of `DAMAGES`.
      condition: whether the network is conditioned on the noise level, or on the mask of the hidden pixels.
      scale: factor of a degradation that makes images smaller.
    Raises:
      UsageError: if there is no such damage.
    """
    entry = DAMAGES.get(name)
    if entry is None:
        raise unknown("damage", name, DAMAGES)
    sample = entry.sample
    options = {"scale": scale} if entry.resizes else {}

    def degrade(keys: Array, images: Array, hyper: HyperArrays) -> Damage:
        if entry.returns == "opacity":
            return overlaid(sample, condition, keys, images, hyper)
        if entry.grain:
            first, second = split_keys(keys, len(images), 2)
            return Damage(add_grain(second, sample(first, images, hyper, **options), hyper))
        degraded = sample(keys, images, hyper, **options)
        if entry.returns == "images":
            return Damage(degraded)
        noisy, sigma = degraded
        level_map = jnp.broadcast_to(sigma[:, None, None, None], (*noisy.shape[:-1], 1)).astype(noisy.dtype)
        return Damage(noisy, level_map if condition else None)

    return degrade


def overlaid(
    sample: Callable[..., tuple[Array, Array]], condition: bool, keys: Array, images: Array, hyper: HyperArrays
) -> Damage:
    """Returns images some pixels of which are hidden, with grain, and the mask of those pixels."""
    first, second, third, fourth = split_keys(keys, len(images), 4)
    layers = (images, *sample(first, images, hyper))
    _, degraded, opacity = degradations.apply_if(hyper["opaque_probability"], make_opaque)(fourth, layers)
    mask = (opacity >= OPACITY_THRESHOLD).astype(images.dtype)
    conditioning = dilate_randomly(third, mask, hyper["mask_dilation"]) if condition else None
    return Damage(add_grain(second, degraded, hyper), conditioning, mask)


def make_opaque(keys: Array, layers: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """Returns images whose hidden pixels have one random color for each image, and the new opacity.

    Args:
      keys: key[batch].
      layers: clean images float[batch, height, width, channel], damaged images, and opacity[batch, height, width, 1].
        The color is opaque from an opacity of `OPAQUE_THRESHOLD` on, and its edges stay soft.
    Returns:
      The same three.
    """
    for_color, for_level, for_noise = split_keys(keys, len(layers[0]), 3)
    images, _, opacity = layers
    alpha = jnp.clip(opacity / OPAQUE_THRESHOLD, 0, 1)
    color = jax.vmap(lambda key: jax.random.uniform(key, images.shape[-1:], images.dtype))(for_color)
    sigma = uniform(for_level, len(images), 0.0, MAX_TEXTURE)
    paint = degradations.gaussian_noise(for_noise, jnp.broadcast_to(color[:, None, None], images.shape), sigma)
    return images, images + alpha * (jnp.clip(paint, 0, 1) - images), alpha


def dilate_randomly(keys: Array, mask: Array, largest: Array | float) -> Array:
    """Returns masks[b, h, w, 1] dilated by ⌊u²(largest + 1)⌋ pixels, u uniform: small dilations are more frequent."""
    pixels = jnp.floor((largest + 1) * uniform(keys, len(mask)) ** 2)[:, None, None, None]
    for done in range(MAX_DILATION):
        mask = jnp.where(done < pixels, dilate(mask, 1), mask)
    return mask


def add_grain(keys: Array, images: Array, hyper: HyperArrays) -> Array:
    """Returns images with Gaussian noise of a random level up to `grain`."""
    for_level, for_noise = split_keys(keys, len(images), 2)
    sigma = uniform(for_level, len(images), 0.0, hyper["grain"]) / LEVELS
    return degradations.gaussian_noise(for_noise, images, sigma)


def scanned(degrade: Degrade) -> Degrade:
    """Returns a damage after which some images are blurred and compressed as scans are.

    Args:
      degrade: the damage before the scan.
    Returns:
      The same with a further hyperparameter, `scan_probability`.
    """

    def degrade_and_scan(keys: Array, images: Array, hyper: HyperArrays) -> Damage:
        first, second = split_keys(keys, len(images), 2)
        damage = degrade(first, images, hyper)
        return damage._replace(images=degradations.apply_if(hyper["scan_probability"], scan)(second, damage.images))

    return degrade_and_scan


def scan(keys: Array, images: Array) -> Array:
    """Returns images blurred slightly and compressed as JPEG."""
    first, second = split_keys(keys, len(images), 2)
    blurred = degradations.blur(keys, images, uniform(first, len(images), *SCAN_BLUR))
    return degradations.jpeg(keys, blurred, uniform(second, len(images), *SCAN_QUALITY)).astype(images.dtype)
