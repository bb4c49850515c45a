"""What all experiments share: their configuration, from a script to a run, and from a run folder back to its script."""

from jaxgen.config.adversarial import Augmentation, Loss, Penalty, Remedy
from jaxgen.config.adversarial_restoration import (
    AdversarialRestorationConfig,
    AdversarialRestorationHyper,
    adversarial_restoration_options,
)
from jaxgen.config.base import Condition, Config, Hyper, Optimizer, Shape, compute_dtype, objective_options
from jaxgen.config.damage import (
    DAMAGE_CONDITIONS,
    DAMAGES,
    OVERLAYS,
    DamageHyper,
    DamageName,
    OverlayHyper,
    OverlayName,
    check_ranges,
    damage_conditions,
    make_degrade,
    scanned,
)
from jaxgen.config.gan import GanConfig, GanHyper, discriminator_options, gan_options
from jaxgen.config.noise import NoiseHyper
from jaxgen.config.players import Norm, players
from jaxgen.config.restoration import (
    InpaintingConfig,
    ReconstructionLoss,
    RestorationConfig,
    RestorationHyper,
    UnconditionedConfig,
    image_channels,
    inpainter_options,
    restoration_options,
    restorer_options,
)
from jaxgen.config.vae import VariationalConfig, VariationalHyper, network_options, variational_options

__all__ = [
    "DAMAGES",
    "DAMAGE_CONDITIONS",
    "OVERLAYS",
    "AdversarialRestorationConfig",
    "AdversarialRestorationHyper",
    "Augmentation",
    "Condition",
    "Config",
    "DamageHyper",
    "DamageName",
    "GanConfig",
    "GanHyper",
    "Hyper",
    "InpaintingConfig",
    "Loss",
    "NoiseHyper",
    "Norm",
    "Optimizer",
    "OverlayHyper",
    "OverlayName",
    "Penalty",
    "ReconstructionLoss",
    "Remedy",
    "RestorationConfig",
    "RestorationHyper",
    "Shape",
    "UnconditionedConfig",
    "VariationalConfig",
    "VariationalHyper",
    "adversarial_restoration_options",
    "check_ranges",
    "compute_dtype",
    "damage_conditions",
    "discriminator_options",
    "gan_options",
    "image_channels",
    "inpainter_options",
    "make_degrade",
    "network_options",
    "objective_options",
    "players",
    "restoration_options",
    "restorer_options",
    "scanned",
    "variational_options",
]
