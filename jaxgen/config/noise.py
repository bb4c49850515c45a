"""Configuration of experiments with Gaussian noise alone."""

from dataclasses import dataclass

from jaxgen.config.base import Hyper
from jaxgen.degradations.noise import GaussianNoiseHyper


@dataclass(frozen=True)
class NoiseHyper(GaussianNoiseHyper, Hyper):
    """Hyperparameters of an experiment with Gaussian noise."""
