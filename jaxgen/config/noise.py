"""What experiments with Gaussian noise share: its level, one or blind."""

from dataclasses import dataclass

from jax import Array

from jaxgen.config.base import Hyper
from jaxgen.degradations.noise import blind_gaussian_noise
from jaxgen.training.schedules import Hyper as Numbers


@dataclass(frozen=True)
class NoiseHyper(Hyper):
    """Numbers of a recipe with Gaussian noise."""

    sigma: float = 25.0
    """Standard deviation of the noise, in grey levels of 255; where levels vary, the largest."""
    blind: float = 0.0
    """How far levels go down from sigma, each as likely: 0 not at all, 1 to no noise, as a blind denoiser needs."""


def noisy(keys: Array, images: Array, hyper: Numbers) -> tuple[Array, Array]:
    """Returns the images with noise of the configured levels, not clipped, and the level of each, float[batch]."""
    high = hyper["sigma"] / 255
    return blind_gaussian_noise(keys, images, (1 - hyper["blind"]) * high, high)
