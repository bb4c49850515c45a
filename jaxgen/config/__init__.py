"""What all experiments share: their configuration, from a script to a run, and from a run folder back to its script."""

from jaxgen.config.base import Config, Effect, Hyper, Optimizer, Shape, compute_dtype, objective_options
from jaxgen.config.damage import (
    DAMAGE_EFFECTS,
    HIDING,
    OVERLAID,
    DamageHyper,
    Kind,
    as_scanned,
    check_probabilities,
    make_degrade,
)
from jaxgen.config.gan import (
    Augmentation,
    GanConfig,
    GanHyper,
    Loss,
    Penalty,
    Remedy,
    discriminator_options,
    gan_options,
)
from jaxgen.config.noise import NoiseHyper, noisy
from jaxgen.config.players import Norm, players
from jaxgen.config.restoration import (
    AdversarialHyper,
    ReconstructionLoss,
    RestorationConfig,
    RestorationHyper,
    adversarial_options,
    check_mask,
    image_channels,
    restoration_options,
)
from jaxgen.config.vae import VariationalConfig, VariationalHyper, network_options, variational_options

__all__ = [
    "DAMAGE_EFFECTS",
    "HIDING",
    "OVERLAID",
    "AdversarialHyper",
    "Augmentation",
    "Config",
    "DamageHyper",
    "Effect",
    "GanConfig",
    "GanHyper",
    "Hyper",
    "Kind",
    "Loss",
    "NoiseHyper",
    "Norm",
    "Optimizer",
    "Penalty",
    "ReconstructionLoss",
    "Remedy",
    "RestorationConfig",
    "RestorationHyper",
    "Shape",
    "VariationalConfig",
    "VariationalHyper",
    "adversarial_options",
    "as_scanned",
    "check_mask",
    "check_probabilities",
    "compute_dtype",
    "discriminator_options",
    "gan_options",
    "image_channels",
    "make_degrade",
    "network_options",
    "noisy",
    "objective_options",
    "players",
    "restoration_options",
    "variational_options",
]
