"""Estimates the noise level of an image.

    python experiments/noise_level.py                                # photographs installed with the package
    python experiments/noise_level.py --data.name folder --data.dir DIR
    python experiments/noise_level.py --damage photo_noise --halved-at 5 --data.channels 3 --data.size 128

Denoisers are conditioned on it. Images are gray or color, and the network estimates the noise of their luma. With
damage noise, levels are uniform up to hyper.sigma, and noise is white. With photo_noise it is also grainy or shared by
the channels, clipped, and stored as JPEG; images have half of data.size, and some are reduced, unsharp, dark or
overexposed; a fifth has no noise, and small levels are more frequent.
Five convolutions of width 32 are those of CBDNet; here they work at half the size, with a weighted mean instead of a
map.

Family: Detection, classification, estimation
Source: Guo, Yan, Zhang, Zuo, Zhang 2019
Command: scripts/results restorers noise_level --dir DIR --trained WHERE
Score: mean error 0.3, 0.3, 0.4, 0.8 gray levels on BSD68 at σ 5, 10, 25, 50
Time: not recorded
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from jaxgen import degradations
from jaxgen.config import DAMAGES, NoiseHyper, NoiseName, compute_dtype, objective_options
from jaxgen.config import Config as BaseConfig
from jaxgen.data import Config as DataConfig
from jaxgen.degradations.composition import select
from jaxgen.degradations.draws import split_keys, uniform
from jaxgen.degradations.file_noise import luma, luma_noise, photo_noise_and_level
from jaxgen.degradations.noise import random_gaussian_noise
from jaxgen.fields import Depth, NonNegative, PositiveInt
from jaxgen.models.restoration.noise_estimator import NoiseEstimator
from jaxgen.objectives.noise_estimation import Noisy, make_noise_level
from jaxgen.runs.command_line import run_script
from jaxgen.training.schedules import Hyper
from jaxgen.training.state import Objective

REDUCED, UNSHARP, DARK, BRIGHT = 0.4, 0.1, 0.25, 0.15
"""Fractions of the images that are reduced to half their size, blurred, underexposed and overexposed."""
BLUR, DARKNESS, BRIGHTNESS = (0.5, 3.0), (0.1, 0.7), (1.2, 3.0)
"""Ranges of the blur in pixels, and of the factors of the exposures."""
CLEAN, FAINT = 0.2, 0.5
"""Fractions of the images without noise, and with levels whose square root is uniform; of the others the level is."""
COMPRESSED, QUALITIES = 0.4, (10.0, 90.0)
"""Fraction of the images without noise that are compressed as JPEG, and range of the quality."""


@dataclass(frozen=True)
class Config(BaseConfig):
    """Options of this experiment."""

    depth: Depth = 5
    """Number of convolutions."""
    width: PositiveInt = 32
    """Channels of each."""
    damage: NoiseName = "noise"
    halved_at: NonNegative = 0.0
    """Level in gray levels at which an error has half the weight of one at level 0; 0: all have the same weight."""
    batch_size: int = 32
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True, rotate=True)
    hyper: NoiseHyper = NoiseHyper(learning_rate=1e-3, sigma=75.0, sigma_spread=1.0)


def clean_images(keys: Array, images: Array) -> Array:
    """Returns images of half the size, reduced or cropped, and some of them unsharp or with another exposure."""
    n, height, width, channels = images.shape
    reduce, expose, dark, bright, unsharp, blur = split_keys(keys, n, 6)
    half = height // 2, width // 2
    even = images[:, : 2 * half[0], : 2 * half[1]]
    small = even.reshape(n, half[0], 2, half[1], 2, channels).mean((2, 4))
    images = select(uniform(reduce, n) < REDUCED, small, images[:, : half[0], : half[1]])
    blurred = degradations.blur(blur, images, uniform(blur, n, *BLUR))
    images = select(uniform(unsharp, n) < UNSHARP, blurred, images)
    kind = uniform(expose, n)
    brighter = jnp.where(kind > 1 - BRIGHT, uniform(bright, n, *BRIGHTNESS), 1)
    factor = jnp.where(kind < DARK, uniform(dark, n, *DARKNESS), brighter)
    return jnp.clip(factor[:, None, None, None] * images, 0, 1)


def levels(keys: Array, n: int, hyper: Hyper) -> Array:
    """Draws levels of noise up to sigma, and down by sigma_spread, float32[n] in units of the [0, 1] range."""
    for_kind, for_level = split_keys(keys, n, 2)
    kind, position = uniform(for_kind, n), uniform(for_level, n)
    position = jnp.where(kind < CLEAN, 0, jnp.where(kind < CLEAN + FAINT, position**2, position))
    return hyper["sigma"] / 255 * (1 - hyper["sigma_spread"] * (1 - position))


def examples(keys: Array, images: Array, hyper: Hyper) -> tuple[Array, Array]:
    """Returns the luma of noisy images of half the size, and the standard deviation of the noise in it, float32[b]."""
    n, channels = len(images), images.shape[-1]
    for_clean, for_level, for_noise, decision, quality = split_keys(keys, n, 5)
    clean, level = clean_images(for_clean, images), levels(for_level, n, hyper)
    noisy, remaining = photo_noise_and_level(for_noise, clean, level)
    compressed = degradations.jpeg(quality, clean, uniform(quality, n, *QUALITIES))
    noisy = select((level == 0) & (uniform(decision, n) < COMPRESSED), compressed, noisy)
    return luma(noisy), remaining * luma_noise(channels)


def white_examples(keys: Array, images: Array, hyper: Hyper) -> tuple[Array, Array]:
    """Returns the luma of images with white noise, and the standard deviation of the noise in it, float32[b]."""
    noisy, level = random_gaussian_noise(keys, images, hyper)
    return luma(noisy), level * luma_noise(images.shape[-1])


def correlated_examples(name: str) -> Noisy:
    """Returns the function that adds another noise, whose level in luma depends on its correlations and is measured."""

    def noisy_examples(keys: Array, images: Array, hyper: Hyper) -> tuple[Array, Array]:
        noisy, _ = DAMAGES[name].sample(keys, images, hyper)
        return luma(noisy), luma(noisy - images).std((1, 2, 3))

    return noisy_examples


EXAMPLES = {"noise": white_examples, "photo_noise": examples}


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = NoiseEstimator(depth=config.depth, width=config.width, dtype=compute_dtype(config))
    degrade = EXAMPLES.get(config.damage) or correlated_examples(config.damage)
    options = objective_options(config, axis_name)
    return make_noise_level(module, degrade=degrade, halved_at=config.halved_at, **options)


if __name__ == "__main__":
    run_script(Config, build, __doc__)
