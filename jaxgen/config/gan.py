"""What an adversarial experiment can be told, and what its networks and its objective take from that."""

import dataclasses
from typing import Any, ClassVar, Literal

from jaxgen.config.base import Config, Effect, Hyper, objective_options
from jaxgen.errors import UsageError
from jaxgen.losses import adversarial

Loss = Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic"]
Penalty = Literal["gradient_penalty", "r1", "r2"]
Augmentation = Literal["color", "translation", "cutout"]
Remedy = Literal["feature_matching", "label_smoothing", "historical_averaging", "orthogonal_regularisation"]


@dataclasses.dataclass(frozen=True)
class GanHyper(Hyper):
    """Numbers of an adversarial recipe."""

    learning_rate: float = 2e-4
    """Learning rate of the generator, before schedule and warm-up."""
    b1: float = 0.5
    """Decay of the gradient's mean (Adam's β₁, momentum of sgd)."""
    discriminator_scale: float = 1.0
    """Learning rate of the discriminator as a multiple of the generator's."""
    penalty_weight: float = 10.0
    """Weight λ of the gradient penalty."""
    penalty_target: float = 1.0
    """Slope to which the gradient penalty holds the critic."""
    r1_weight: float = 1.0
    """Weight γ of R1; half of it multiplies the squared slope on real images."""
    r2_weight: float = 1.0
    """Weight γ of R2; half of it multiplies the squared slope on generated images."""
    clip_limit: float = 0.01
    """Bound of the discriminator's parameters where they are clipped."""
    label_smoothing: float = 0.1
    """How far below 1 the target of real images is, where labels are smoothed."""
    historical_weight: float = 0.01
    """Weight of the squared distance of each player's parameters from their mean so far, where it is averaged."""
    orthogonal_weight: float = 1e-4
    """Weight of the products of different filters of the generator, where they are held at right angles."""


@dataclasses.dataclass(frozen=True)
class GanConfig(Config):
    """What every adversarial experiment can be told."""

    loss: Loss = "non_saturating"
    """Adversarial loss."""
    penalties: tuple[Penalty, ...] = ()
    """Penalties on the discriminator's slope, summed."""
    penalty_every: int = 1
    """Take the penalties in every so many discriminator updates only, and that many times as heavily."""
    clip_weights: bool = False
    """Clip the discriminator's parameters to ±hyper.clip_limit after each update."""
    augment: tuple[Augmentation, ...] = ()
    """DiffAugment: random changes of all images that the discriminator sees, which the generator sees through."""
    packing: int = 1
    """Images that the discriminator sees at once, side by side in their channels (PacGAN)."""
    conditional: bool = False
    """Condition both networks on the images' labels, of which data.classes gives the number."""
    remedies: tuple[Remedy, ...] = ()
    """What steadies training: match mean features, soften the target of real images, stay near past parameters, hold
    the generator's filters at right angles."""
    minibatch_kernels: int = 0
    """Kernels of minibatch discrimination, by which the discriminator compares a batch's images; 0: none."""
    critic_steps: int = 1
    """Discriminator updates for each generator update."""
    share_latents: bool = True
    """The generator's update sees the latents of the last discriminator update, which saves a pass; else fresh ones."""
    latent: int = 100
    """Size of the generator's input."""
    hyper: GanHyper = GanHyper()

    effects: ClassVar[tuple[Effect, ...]] = (
        *Config.effects,
        Effect(
            ("hyper.penalty_weight", "hyper.penalty_target"),
            "add gradient_penalty to penalties",
            lambda config: "gradient_penalty" in config.penalties,
        ),
        Effect(("hyper.r1_weight",), "add r1 to penalties", lambda config: "r1" in config.penalties),
        Effect(("hyper.r2_weight",), "add r2 to penalties", lambda config: "r2" in config.penalties),
        Effect(("hyper.clip_limit",), "set clip_weights", lambda config: config.clip_weights),
        Effect(
            ("hyper.label_smoothing",),
            "add label_smoothing to remedies",
            lambda config: "label_smoothing" in config.remedies,
        ),
        Effect(
            ("hyper.historical_weight",),
            "add historical_averaging to remedies",
            lambda config: "historical_averaging" in config.remedies,
        ),
        Effect(
            ("hyper.orthogonal_weight",),
            "add orthogonal_regularisation to remedies",
            lambda config: "orthogonal_regularisation" in config.remedies,
        ),
    )


def classes(config: Config) -> int:
    """Returns the number of classes that a generator is told of, 0 where it is told none or there is no generator."""
    return config.data.classes if isinstance(config, GanConfig) and config.conditional else 0


def gan_options(config: GanConfig, axis_name: str | None) -> dict[str, Any]:
    """Returns what `make_gan` takes from a configuration.

    Raises:
      UsageError: if an option is out of range.
    """
    if config.minibatch_kernels < 0:
        raise UsageError(f"minibatch_kernels is {config.minibatch_kernels}: give 0 for none, or more")
    if config.conditional and config.data.classes < 1:
        raise UsageError("conditional needs the number of classes: set data.classes, as in 10 for the ten digits")
    if config.batch_size // config.microbatches % config.packing:
        raise UsageError(
            f"packing {config.packing} does not divide the {config.batch_size // config.microbatches} images of a "
            "microbatch: set batch_size to a multiple of packing × microbatches"
        )
    return objective_options(config, axis_name) | {
        "loss": getattr(adversarial, config.loss),
        "penalties": config.penalties,
        "penalty_every": config.penalty_every,
        "clip_weights": config.clip_weights,
        "augment": config.augment,
        "packing": config.packing,
        "classes": classes(config),
        "remedies": config.remedies,
        "critic_steps": config.critic_steps,
        "share_latents": config.share_latents,
        "latent": config.latent,
    }


def discriminator_options(config: GanConfig, axis_name: str | None) -> dict[str, Any]:
    """Returns what every discriminator takes from a configuration."""
    return {"classes": classes(config), "kernels": config.minibatch_kernels, "axis_name": axis_name}
