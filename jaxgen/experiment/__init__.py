"""What all experiments share: their configuration, from a script to a run, and from a run folder back to its script."""

from jaxgen.experiment.adversarial import (
    Augmentation,
    GanConfig,
    GanHyper,
    Loss,
    Penalty,
    Remedy,
    discriminator_options,
    gan_options,
)
from jaxgen.experiment.config import Config, Effect, Hyper, Optimizer, Shape, compute_dtype, objective_options
from jaxgen.experiment.networks import Norm, players
from jaxgen.experiment.noise import NoiseHyper, guided, noisy, unguided

__all__ = [
    "Augmentation",
    "Config",
    "Effect",
    "GanConfig",
    "GanHyper",
    "Hyper",
    "Loss",
    "NoiseHyper",
    "Norm",
    "Optimizer",
    "Penalty",
    "Remedy",
    "Shape",
    "compute_dtype",
    "discriminator_options",
    "gan_options",
    "guided",
    "noisy",
    "objective_options",
    "players",
    "unguided",
]
