"""What all experiments share: their configuration, from a script to a run, and from a run folder back to its script."""

from jaxgen.experiment.adversarial import GanConfig, GanHyper, discriminator_options, gan_options
from jaxgen.experiment.config import Config, Hyper, compute_dtype, objective_options

__all__ = [
    "Config",
    "GanConfig",
    "GanHyper",
    "Hyper",
    "compute_dtype",
    "discriminator_options",
    "gan_options",
    "objective_options",
]
