"""Configuration of restoration experiments."""

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from jaxgen.config.adversarial import AdversarialHyper, AdversarialOptions, adversarial_training_options
from jaxgen.config.base import Condition, Config, compute_dtype, hyper_classes, objective_options, option_conditions
from jaxgen.config.damage import (
    DAMAGE_CONDITIONS,
    DAMAGES,
    NOISES,
    OVERLAYS,
    DamageHyper,
    DamageName,
    check_ranges,
    has_damage,
    make_degrade,
)
from jaxgen.config.features import feature_function
from jaxgen.errors import UsageError
from jaxgen.losses.reconstruction import LOSSES
from jaxgen.objectives.reconstruction_losses import needs_features, weighted_sum

if TYPE_CHECKING:
    ReconstructionLoss = str
else:
    ReconstructionLoss = Literal[tuple(LOSSES)]


@dataclasses.dataclass(frozen=True)
class RestorationHyper(*hyper_classes(loss.hyper for loss in LOSSES.values()), DamageHyper):
    """Hyperparameters of a restoration experiment."""


@dataclasses.dataclass(frozen=True)
class RestorationConfig(Config):
    """Options of a restoration experiment."""

    damage: DamageName = "noise"
    conditioning: bool = False
    """Give the network the noise level, or the mask of hidden pixels, as a further input channel."""
    losses: tuple[ReconstructionLoss, ...] = ("mse",)
    """Losses, whose weighted sum is minimized; weights in hyper."""
    features: str = ""
    """Network whose features the feature loss compares: digits, mnist, fashion_mnist, or the .safetensors file of
    VGG-19's weights that jaxgen convert vgg writes."""
    hyper: RestorationHyper = RestorationHyper()

    conditions: ClassVar[tuple[Condition, ...]] = (
        *Config.conditions,
        *DAMAGE_CONDITIONS,
        Condition(
            ("conditioning",), f"set damage to {', '.join((*NOISES, *OVERLAYS))}", has_damage(*NOISES, *OVERLAYS)
        ),
        Condition(("features",), "add feature to losses", lambda config: needs_features(config.losses)),
        *option_conditions("losses", {name: loss.hyper for name, loss in LOSSES.items()}),
    )


@dataclasses.dataclass(frozen=True)
class UnconditionedConfig(RestorationConfig):
    """Options of an experiment whose network takes damaged images alone."""

    conditions: ClassVar[tuple[Condition, ...]] = (
        *RestorationConfig.conditions,
        Condition(("conditioning",), "choose another network: this one has no condition", lambda config: False),
    )


@dataclasses.dataclass(frozen=True)
class InpaintingConfig(RestorationConfig):
    """Options of an experiment whose network takes the mask of hidden pixels."""

    conditioning: bool = True
    losses: tuple[ReconstructionLoss, ...] = ("l1",)


def inpainter_options(config: InpaintingConfig) -> dict[str, Any]:
    """Returns the keyword arguments of a network that needs a mask: `channels`, which the mask follows, and `dtype`.

    Raises:
      UsageError: if there is no mask, or data.channels is not set.
    """
    if not config.conditioning or config.damage not in OVERLAYS:
        raise UsageError(
            f"damage {config.damage}, conditioning {config.conditioning}: this network needs a mask: set conditioning, "
            f"and damage to one of {', '.join(OVERLAYS)}"
        )
    return {"channels": known_channels(config), "dtype": compute_dtype(config)}


def image_channels(config: RestorationConfig) -> int | None:
    """Returns the number of image channels where a condition follows them in a network's input, else None.

    Raises:
      UsageError: if it is needed and data.channels is not set.
    """
    if not config.conditioning or config.damage not in (*NOISES, *OVERLAYS):
        return None
    return known_channels(config)


def restorer_options(config: RestorationConfig) -> dict[str, Any]:
    """Returns the keyword arguments of a network that may take a condition: `channels` and `dtype`."""
    return {"channels": image_channels(config), "dtype": compute_dtype(config)}


def known_channels(config: RestorationConfig) -> int:
    """Returns data.channels, or raises UsageError where it is not set."""
    if config.data.channels < 1:
        raise UsageError("conditioning needs the number of image channels: set data.channels to 1 or 3")
    return config.data.channels


def restoration_options(
    config: RestorationConfig, axis_name: str | None, *, scale: int = 1, needs_clean: bool = True
) -> dict[str, Any]:
    """Returns the keyword arguments of `make_restoration`.

    Args:
      config: of the experiment.
      axis_name: the mapped axis over which a batch is spread, or None.
      scale: upsampling factor of the network.
      needs_clean: whether the objective is trained on clean images.
    Raises:
      UsageError: if an option is out of range.
    """
    check_ranges(config.hyper)
    degrade = make_degrade(config.damage, condition=config.conditioning, scale=scale)
    if DAMAGES[config.damage].resizes != (scale > 1):
        resizing = " or ".join(name for name, entry in DAMAGES.items() if entry.resizes)
        advice = "choose another damage" if scale == 1 else f"set damage to {resizing}"
        raise UsageError(f"damage {config.damage}, and this network upsamples by {scale}: {advice}")
    if (config.damage == "none") != (config.data.name == "pairs") and (needs_clean or config.damage != "none"):
        raise UsageError(f"damage {config.damage} and data {config.data.name}: damage none belongs to data.name pairs")
    features = feature_function(config.features, config.data.channels) if needs_features(config.losses) else None
    return objective_options(config, axis_name) | {
        "degrade": degrade,
        "loss": weighted_sum(config.losses, features),
    }


@dataclasses.dataclass(frozen=True)
class AdversarialRestorationHyper(AdversarialHyper, RestorationHyper):
    """Hyperparameters of restoration against a discriminator."""

    adversarial_weight: float = 1e-3
    """Weight of the adversarial loss beside the reconstruction losses."""


@dataclasses.dataclass(frozen=True)
class AdversarialRestorationConfig(AdversarialOptions, RestorationConfig):
    """Options of restoration against a discriminator."""

    hyper: AdversarialRestorationHyper = AdversarialRestorationHyper()

    conditions: ClassVar[tuple[Condition, ...]] = (
        *RestorationConfig.conditions,
        *AdversarialOptions.adversarial_conditions,
    )


def adversarial_restoration_options(
    config: AdversarialRestorationConfig, axis_name: str | None, *, scale: int = 1
) -> dict[str, Any]:
    """Returns what `make_adversarial_restoration` takes from a configuration.

    Args, Raises: those of `restoration_options`.
    """
    options = restoration_options(config, axis_name, scale=scale)
    reconstruction = options.pop("loss")
    return options | {"reconstruction": reconstruction} | adversarial_training_options(config)
