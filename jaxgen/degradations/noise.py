"""Random noise, drawn independently for each example."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations import poisson
from jaxgen.degradations.draws import at_least_float32, check_images, normal, split_keys, uniform
from jaxgen.degradations.registry import Benchmark, Strengths, register, sample_between
from jaxgen.fields import GrayLevels, Probability, Range, hyperparameters
from jaxgen.filters.checks import per_image

Photons = Annotated[float, Range(minimum=0.1, maximum=1e6)]
Speckle = Annotated[float, Range(minimum=0, maximum=10)]
NOISE_LEVELS = (15.0, 25.0, 50.0)
"""Noise levels of the published denoising results, in gray levels."""


def gaussian_noise(key: Array, images: Array, sigma: float | Array) -> Array:
    """Adds white Gaussian noise without clipping, as in the published denoising results.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation in units of the [0, 1] range (σ = 25 of 255 is 25/255), one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype; values may leave [0, 1].
    Raises:
      ValueError: if the number of keys or sigmas is neither 1 nor the batch size.
    """
    images = check_images(images)
    noise = per_image("sigma", sigma, at_least_float32(images)) * normal(key, images)
    return (at_least_float32(images) + noise).astype(images.dtype)


def blind_gaussian_noise(key: Array, images: Array, low: float | Array, high: float | Array) -> tuple[Array, Array]:
    """Adds white Gaussian noise of a random level (training data of blind denoisers), and returns the levels.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      low: smallest standard deviation in units of the [0, 1] range, one or float[batch].
      high: largest standard deviation, one or float[batch].
    Returns:
      (images, sigma): float[batch, height, width, channel], not clipped; float32[batch], uniform in [low, high).
    Raises:
      ValueError: if the number of keys or bounds is neither 1 nor the batch size.
    """
    for_level, for_noise = split_keys(key, len(images), 2)
    sigma = uniform(for_level, len(images), low, high)
    return gaussian_noise(for_noise, images, sigma), sigma


@dataclass(frozen=True)
class GaussianNoiseHyper:
    """Hyperparameters of Gaussian noise."""

    sigma: GrayLevels = 25.0
    """Standard deviation of the noise in gray levels (0 to 255); with sigma_spread, the largest one."""
    sigma_spread: Probability = 0.0
    """Fraction of sigma by which noise levels vary downwards, uniformly: 0, always sigma; 1, from 0 to sigma."""


def random_level(key: Array, count: int, hyper: Mapping[str, Array]) -> Array:
    """Draws the noise levels that `GaussianNoiseHyper` describes, float32[count] in units of the [0, 1] range."""
    highest = hyper["sigma"] / 255
    return uniform(key, count, (1 - hyper["sigma_spread"]) * highest, highest)


def random_gaussian_noise(key: Array, images: Array, hyper: Mapping[str, Array]) -> tuple[Array, Array]:
    """Adds Gaussian noise of the levels that `GaussianNoiseHyper` describes, and returns the levels.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      hyper: the fields of `GaussianNoiseHyper`.
    Returns:
      (images, sigma): float[batch, height, width, channel], not clipped; float32[batch] in units of the [0, 1] range.
    """
    highest = hyper["sigma"] / 255
    return blind_gaussian_noise(key, images, (1 - hyper["sigma_spread"]) * highest, highest)


register(
    gaussian_noise,
    "white Gaussian noise",
    name="noise",
    example={"sigma": 0.12},
    returns="noise_level",
    sample=random_gaussian_noise,
    hyper=GaussianNoiseHyper,
    grain=False,
    benchmark=Benchmark("Gaussian noise of σ 25 of 255", lambda keys, images: gaussian_noise(keys, images, 25 / 255)),
    strengths=Strengths(
        "σ {:g}", NOISE_LEVELS, lambda sigma: {"sigma": sigma, "sigma_spread": 0.0}, "noise added unclipped"
    ),
)


def normal_of_channels(key: Array, images: Array, correlation: float | Array) -> Array:
    """Draws standard normal numbers of the images' shape, float32 or wider, that are correlated between the channels.

    Args:
      key: one key, or key[batch].
      images: float[batch, height, width, channel].
      correlation: of two channels at a pixel, in [0, 1], one or float[batch].
    """
    own, common = split_keys(key, len(images), 2)
    correlation = per_image("correlation", correlation, at_least_float32(images))
    return jnp.sqrt(1 - correlation) * normal(own, images) + jnp.sqrt(correlation) * normal(common, images[..., :1])


def shared_noise(key: Array, images: Array, sigma: float | Array, correlation: float | Array = 1.0) -> Array:
    """Adds white Gaussian noise that the channels share in part, without clipping.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation of each channel in units of the [0, 1] range, one or float[batch].
      correlation: of two channels at a pixel, from 0 (independent) to 1 (gray noise), one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype; values may leave [0, 1].
    Raises:
      ValueError: if the number of keys or of a parameter's values is neither 1 nor the batch size.
    """
    images = check_images(images)
    noise = normal_of_channels(key, images, correlation)
    return (at_least_float32(images) + per_image("sigma", sigma, at_least_float32(images)) * noise).astype(images.dtype)


def random_shared_noise(key: Array, images: Array, hyper: Mapping[str, Array]) -> tuple[Array, Array]:
    """Adds shared noise of the levels that `GaussianNoiseHyper` describes, of a random correlation of the channels.

    Args, Returns: those of `random_gaussian_noise`.
    """
    count = len(images)
    for_level, for_correlation, for_noise = split_keys(key, count, 3)
    sigma = random_level(for_level, count, hyper)
    return shared_noise(for_noise, images, sigma, uniform(for_correlation, count)), sigma


register(
    shared_noise,
    "white Gaussian noise that channels share",
    sample=random_shared_noise,
    example={"sigma": 0.12},
    returns="noise_level",
    hyper=GaussianNoiseHyper,
    grain=False,
)


def poisson_noise(key: Array, images: Array, peak: float | Array) -> Array:
    """Applies photon (Poisson) noise without clipping.

    A pixel x becomes k / peak, where k has Poisson's distribution with mean peak · x: mean x, variance x / peak.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1]; negative values count as 0.
      peak: expected photons at white, above 0, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype, multiples of 1 / peak; values may exceed 1, and the
      gradient is 0.
    Raises:
      ValueError: if the number of keys or peaks is neither 1 nor the batch size.
    """
    images = check_images(images)
    light = jnp.maximum(at_least_float32(images), 0)
    peak = per_image("peak", peak, light)
    # Outside the loop the normal draw is vectorized on a CPU: 12 ms instead of 45 for 16 images of 64×64×3, for which
    # `jax.random.poisson` takes 270 ms.
    counts = lax.map(lambda image: poisson.poisson(*image), (light * peak, normal(key, light)))
    return (counts / peak).astype(images.dtype)


register(
    poisson_noise,
    "photon counts (Poisson noise)",
    sample=sample_between(poisson_noise, "photons_low", "photons_high"),
    example={"peak": 30.0},
    hyper=hyperparameters(
        photons_low=(20.0, "Fewest photons at white of Poisson noise.", Photons),
        photons_high=(200.0, "Most photons at white of Poisson noise.", Photons),
    ),
)


def speckle(key: Array, images: Array, sigma: float | Array) -> Array:
    """Multiplies images by Gaussian noise with mean 1, without clipping.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation of the factor, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype; values may leave [0, 1].
    Raises:
      ValueError: if the number of keys or sigmas is neither 1 nor the batch size.
    """
    images = check_images(images)
    factor = 1 + per_image("sigma", sigma, at_least_float32(images)) * normal(key, images)
    return (at_least_float32(images) * factor).astype(images.dtype)


register(
    speckle,
    "multiplicative Gaussian noise",
    sample=sample_between(speckle, "speckle_low", "speckle_high"),
    example={"sigma": 0.25},
    hyper=hyperparameters(
        speckle_low=(0.05, "Smallest standard deviation of the factor of speckle.", Speckle),
        speckle_high=(0.3, "Largest standard deviation of the factor of speckle.", Speckle),
    ),
)


def salt_and_pepper(key: Array, images: Array, amount: float | Array, salt: float | Array = 0.5) -> Array:
    """Sets random pixels to white or black, all channels of a pixel together.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      amount: fraction of the pixels that change, in [0, 1], one or float[batch].
      salt: fraction of these that become white, in [0, 1], one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype and range.
    Raises:
      ValueError: if the number of keys or of a parameter's values is neither 1 nor the batch size.
    """
    images = check_images(images)
    # In float32: bfloat16 has few values between 0 and 1.
    single = images.astype(jnp.float32)
    amount = per_image("amount", amount, single)
    white = amount * per_image("salt", salt, single)
    draw = jax.vmap(lambda k: jax.random.uniform(k, (*images.shape[1:3], 1)))(keys.per_example(key, len(images)))
    return jnp.where(draw < white, 1, jnp.where(draw < amount, 0, images)).astype(images.dtype)


register(
    salt_and_pepper,
    "white and black pixels",
    sample=sample_between(salt_and_pepper, "impulse_low", "impulse_high"),
    example={"amount": 0.08},
    hyper=hyperparameters(
        impulse_low=(0.02, "Smallest fraction of pixels that salt_and_pepper makes white or black.", Probability),
        impulse_high=(0.2, "Largest fraction of pixels that salt_and_pepper makes white or black.", Probability),
    ),
)


def rician_noise(key: Array, images: Array, sigma: float | Array) -> Array:
    """Applies Rician noise: the magnitude of the images with complex Gaussian noise, as in magnetic resonance.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation of the real and of the imaginary part, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype, at least 0 and not clipped above; brighter than the
      images by about σ² / 2x for x well above σ.
    Raises:
      ValueError: if the number of keys or sigmas is neither 1 nor the batch size.
    Reference: Gudbjartsson, Patz 1995.
    """
    images = check_images(images)
    sigma = per_image("sigma", sigma, at_least_float32(images))
    real, imaginary = (sigma * normal(k, images) for k in split_keys(key, len(images), 2))
    square = (at_least_float32(images) + real) ** 2 + imaginary**2
    # The gradient of √0 is infinite, and 0 times infinity is NaN.
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0).astype(images.dtype)


register(
    rician_noise,
    "noise of magnetic resonance images (Rice's distribution)",
    sample=sample_between(rician_noise, "rician_low", "rician_high", unit=1 / 255),
    example={"sigma": 0.15},
    hyper=hyperparameters(
        rician_low=(5.0, "Smallest standard deviation of the parts of Rician noise, in gray levels.", GrayLevels),
        rician_high=(40.0, "Largest standard deviation of the parts of Rician noise, in gray levels.", GrayLevels),
    ),
)
