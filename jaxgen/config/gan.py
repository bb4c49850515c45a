"""The options of experiments that generate images adversarially."""

import dataclasses
from typing import Any, ClassVar

from jaxgen.config.adversarial import AdversarialHyper, AdversarialOptions, adversarial_training_options
from jaxgen.config.base import Condition, Config, Hyper, objective_options
from jaxgen.errors import UsageError
from jaxgen.fields import NonNegativeInt, PositiveInt


@dataclasses.dataclass(frozen=True)
class GanHyper(AdversarialHyper, Hyper):
    """Hyperparameters of a GAN."""

    learning_rate: float = 2e-4
    """Learning rate of the generator, before schedule and warm-up."""
    b1: float = 0.5
    """Decay of the gradient's mean (Adam's β₁, momentum of sgd)."""


@dataclasses.dataclass(frozen=True)
class GanConfig(AdversarialOptions, Config):
    """Options of every GAN."""

    conditional: bool = False
    """Condition both networks on the images' labels; data.classes is their number."""
    minibatch_kernels: NonNegativeInt = 0
    """Kernels of minibatch discrimination, by which the discriminator compares a batch's images; 0: none."""
    share_latents: bool = True
    """The generator's update sees the latents of the last discriminator update, which saves a pass; else fresh ones."""
    latent: PositiveInt = 100
    """Size of the generator's input."""
    hyper: GanHyper = GanHyper()

    conditions: ClassVar[tuple[Condition, ...]] = (*Config.conditions, *AdversarialOptions.adversarial_conditions)


def classes(config: Config) -> int:
    """Returns the number of classes that a generator is conditioned on; 0 without classes or without a generator."""
    return config.data.classes if isinstance(config, GanConfig) and config.conditional else 0


def gan_options(config: GanConfig, axis_name: str | None) -> dict[str, Any]:
    """Returns what `make_gan` takes from a configuration.

    Raises:
      UsageError: if the number of classes is missing.
    """
    if config.conditional and config.data.classes < 1:
        raise UsageError("conditional needs the number of classes: set data.classes, as in 10 for the ten digits")
    return (
        objective_options(config, axis_name)
        | adversarial_training_options(config)
        | {"classes": classes(config), "share_latents": config.share_latents, "latent": config.latent}
    )


def discriminator_options(config: GanConfig, axis_name: str | None) -> dict[str, Any]:
    """Returns what every discriminator of a GAN takes from a configuration."""
    return {"classes": classes(config), "kernels": config.minibatch_kernels, "axis_name": axis_name}
