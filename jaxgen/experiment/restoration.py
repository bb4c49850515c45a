"""What an experiment in restoration can be told, and what its network and its objective take from that."""

import dataclasses
from typing import Any, ClassVar, Literal

from jaxgen.errors import UsageError
from jaxgen.evaluation import networks
from jaxgen.experiment.config import Config, Effect, Hyper, objective_options
from jaxgen.experiment.damage import HIDING, Kind, make_degrade
from jaxgen.experiment.noise import NoiseHyper
from jaxgen.losses import adversarial
from jaxgen.objectives.reconstruction_losses import FEATURE, weighted_sum

ReconstructionLoss = Literal["mse", "l1", "charbonnier", "ssim", "total_variation", "feature"]


@dataclasses.dataclass(frozen=True)
class RestorationHyper(NoiseHyper):
    """Numbers of a recipe in restoration."""

    grain: float = 0.0
    """Largest standard deviation of noise that comes to any other damage, in grey levels of 255."""
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
    mse_weight: float = 1.0
    """Weight of the mean squared difference."""
    l1_weight: float = 1.0
    """Weight of the mean absolute difference."""
    charbonnier_weight: float = 1.0
    """Weight of the Charbonnier loss."""
    ssim_weight: float = 1.0
    """Weight of 1 − SSIM."""
    total_variation_weight: float = 0.01
    """Weight of the restored picture's total variation, for each value."""
    feature_weight: float = 1.0
    """Weight of the mean squared difference between features."""


@dataclasses.dataclass(frozen=True)
class DetectionHyper(Hyper):
    """Numbers of a recipe that finds damage."""

    grain: float = 8.0
    """Largest standard deviation of noise that comes to the damage, in grey levels of 255."""
    cross_entropy_weight: float = 1.0
    """Weight of the cross-entropy, the mean over pixels in nats."""
    dice_weight: float = 1.0
    """Weight of the Dice loss."""


def with_damage(*kinds: Kind):
    """Returns what tells whether a configuration's damage is one of some."""
    return lambda config: config.damage in kinds


def with_loss(name: ReconstructionLoss):
    """Returns what tells whether a configuration sums a loss."""
    return lambda config: name in config.losses


@dataclasses.dataclass(frozen=True)
class RestorationConfig(Config):
    """What every experiment in restoration can be told."""

    damage: Kind = "noise"
    """What befalls the pictures; worn: rust, stains, foxing, tears and scratches, each by chance; given: that of
    data.name pairs."""
    told: bool = False
    """Tell the network the level of noise, or the mask of what is hidden, by a further channel."""
    losses: tuple[ReconstructionLoss, ...] = ("mse",)
    """What the network is held to, summed; weights in hyper."""
    features: str = ""
    """Network whose features the feature loss compares: digits, mnist or fashion_mnist."""
    hyper: RestorationHyper = RestorationHyper()

    effects: ClassVar[tuple[Effect, ...]] = (
        *Config.effects,
        Effect(("hyper.sigma", "hyper.blind"), "set damage to noise", with_damage("noise")),
        Effect(
            ("hyper.grain",),
            "set damage to one that noise may come to",
            lambda config: config.damage not in ("noise", "downsample", "gray", "given"),
        ),
        Effect(("hyper.blur_low", "hyper.blur_high"), "set damage to blur", with_damage("blur")),
        Effect(("hyper.quality_low", "hyper.quality_high"), "set damage to jpeg", with_damage("jpeg")),
        Effect(("hyper.haze_low", "hyper.haze_high"), "set damage to haze", with_damage("haze")),
        Effect(("told",), f"set damage to noise, {', '.join(HIDING)}", with_damage("noise", *HIDING)),
        Effect(("features",), "add feature to losses", with_loss("feature")),
        *(
            Effect((f"hyper.{name}_weight",), f"add {name} to losses", with_loss(name))
            for name in ("mse", "l1", "charbonnier", "ssim", "total_variation", "feature")
        ),
    )


@dataclasses.dataclass(frozen=True)
class NeighbourHyper(RestorationHyper):
    """Numbers of a recipe that denoises without clean pictures."""

    consistency_weight: float = 1.0
    """Weight of what holds the restored neighbours to differ as those of the restored picture do."""


@dataclasses.dataclass(frozen=True)
class PriorHyper(RestorationHyper):
    """Numbers of a recipe that fits a network to one picture."""

    learning_rate: float = 0.01
    """Learning rate, before schedule and warm-up."""
    ema_decay: float = 0.0
    """Decay of the parameters' moving average for each step; the outputs are averaged instead."""
    input_noise: float = 1 / 30
    """Standard deviation of what changes in the network's input from step to step."""
    variance_decay: float = 0.9
    """Share of the past, at each step, in the variance of the outputs."""
    smooth_decay: float = 0.99
    """Share of the past, at each step, in the averaged output."""
    patience: float = 500.0
    """Steps without a calmer output after which training ends."""


@dataclasses.dataclass(frozen=True)
class AdversarialHyper(RestorationHyper):
    """Numbers of a recipe that restores against a discriminator."""

    adversarial_weight: float = 1e-3
    """Weight of the adversarial loss beside the reconstruction losses."""
    discriminator_scale: float = 1.0
    """Learning rate of the discriminator as a multiple of the generator's."""


def image_channels(config: RestorationConfig) -> int | None:
    """Returns the channels of the images where a guide follows them in a network's input, else None.

    Raises:
      UsageError: if their number is not told.
    """
    if not config.told or config.damage not in ("noise", *HIDING):
        return None
    if config.data.channels < 1:
        raise UsageError("told needs the number of the pictures' channels: set data.channels to 1 or 3")
    return config.data.channels


def restoration_options(
    config: RestorationConfig, axis_name: str | None, *, scale: int = 1, needs_clean: bool = True
) -> dict[str, Any]:
    """Returns what `make_restoration` takes from a configuration.

    Args:
      config: of the experiment.
      axis_name: the mapped axis over which a batch is spread, or None.
      scale: by how much the network makes images larger, and `downsample` smaller.
      needs_clean: whether the objective is trained on clean pictures.
    Raises:
      UsageError: if an option is out of range.
    """
    hyper = config.hyper
    for name, low, high in (
        ("blur", hyper.blur_low, hyper.blur_high),
        ("quality", hyper.quality_low, hyper.quality_high),
        ("haze", hyper.haze_low, hyper.haze_high),
    ):
        if low > high:
            raise UsageError(f"hyper.{name}_low is {low:g} and hyper.{name}_high is {high:g}: give them in order")
    if (config.damage == "downsample") != (scale > 1):
        wanted = "choose another damage" if scale == 1 else "set damage to downsample"
        raise UsageError(f"damage {config.damage}, and this network makes pictures {scale} times as large: {wanted}")
    if (config.damage == "given") != (config.data.name == "pairs") and (needs_clean or config.damage != "given"):
        raise UsageError(f"damage {config.damage} and data {config.data.name}: damage given belongs to data.name pairs")
    features = feature_function(config.features, config.data.channels) if FEATURE in config.losses else None
    return objective_options(config, axis_name) | {
        "degrade": make_degrade(config.damage, told=config.told, scale=scale),
        "loss": weighted_sum(config.losses, features),
    }


def adversarial_options(config: RestorationConfig, axis_name: str | None, *, scale: int = 1) -> dict[str, Any]:
    """Returns what `make_adversarial_restoration` takes from a configuration with `adversary`, the adversarial loss.

    Args, Raises: those of `restoration_options`.
    """
    options = restoration_options(config, axis_name, scale=scale)
    content = options.pop("loss")
    return options | {"content": content, "loss": getattr(adversarial, config.adversary)}


def feature_function(name: str, channels: int):
    """Returns images -> features of a shipped classifier.

    Raises:
      UsageError: if none is named, or it does not take such images.
    """
    if not name:
        raise UsageError(
            "the loss feature compares features of a network: set features to digits, mnist or fashion_mnist"
        )
    extractor = networks.choose(name, name, channels)
    return lambda images: extractor.features(extractor.variables, images)[0]
