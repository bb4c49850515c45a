"""Gaussian noise that is correlated between pixels, as film grain and the noise of scans and of enlarged pictures."""

from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations.draws import at_least_float32, check_images, per_image_values, split_keys, uniform
from jaxgen.degradations.noise import GaussianNoiseHyper, normal_of_channels, random_level
from jaxgen.degradations.registry import register
from jaxgen.filters.checks import per_image

KERNEL_RADIUS = 6
"""Pixels on each side of a pixel over which the Gaussian extends: three times the largest radius."""
RADII = (0.5, 1.5)
"""Range of the radius of grain in training images, in pixels."""
MIN_RADIUS = 0.01
"""Standard deviation of the Gaussian in pixels below which it is a single pixel."""


def film_grain(
    key: Array,
    images: Array,
    sigma: float | Array,
    radius: float | Array = 1.0,
    correlation: float | Array = 0.0,
    midtones: float | Array = 0.0,
) -> Array:
    """Adds Gaussian noise that is blurred by a Gaussian and scaled to its standard deviation, without clipping.

    The correlation of two pixels at distance d is exp(−d² / 4 radius²).

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation in units of the [0, 1] range, one or float[batch].
      radius: standard deviation of the blur in pixels, from 0 (none: white noise) to 2, one or float[batch]; a wider
        Gaussian is truncated at 6 pixels.
      correlation: of two channels, from 0 (independent) to 1 (one noise for all), one or float[batch].
      midtones: how much weaker the noise is in black and white than in mid-gray, from 0 (not at all) to 1 (none there):
        sigma is multiplied by 1 − midtones + midtones · 2 √(x (1 − x)); one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype; values may leave [0, 1].
    Raises:
      ValueError: if the number of keys or of a parameter's values is neither 1 nor the batch size.
    """
    images = check_images(images)
    wide = at_least_float32(images)
    around = jnp.pad(wide, ((0, 0), (KERNEL_RADIUS, KERNEL_RADIUS), (KERNEL_RADIUS, KERNEL_RADIUS), (0, 0)))
    noise = blurred_to_unit_variance(normal_of_channels(key, around, correlation), radius)
    strength = per_image("sigma", sigma, wide) * midtone_factor(wide, midtones)
    return (wide + strength * noise).astype(images.dtype)


def midtone_factor(images: Array, midtones: float | Array) -> Array:
    """Returns the factor of the grain at each value of images[batch, height, width, channel]; see `film_grain`."""
    midtones = per_image("midtones", midtones, images)
    values = jnp.clip(images, 0, 1)
    return 1 - midtones + 2 * midtones * jnp.sqrt(values * (1 - values))


def blurred_to_unit_variance(noise: Array, radius: float | Array) -> Array:
    """Blurs white noise of variance 1 by a Gaussian whose squared weights have sum 1.

    Args:
      noise: float[batch, height + 2 KERNEL_RADIUS, width + 2 KERNEL_RADIUS, channel].
      radius: standard deviation of the Gaussian in pixels, one or float[batch].
    Returns:
      float[batch, height, width, channel], of variance 1.
    """
    offsets = jnp.arange(-KERNEL_RADIUS, KERNEL_RADIUS + 1, dtype=noise.dtype)
    sigma = jnp.maximum(per_image_values("radius", radius, len(noise)), MIN_RADIUS)[:, None]
    weights = jnp.exp(-((offsets / sigma) ** 2) / 2)
    weights = (weights / jnp.sqrt((weights**2).sum(1, keepdims=True))).T[:, :, None, None, None].astype(noise.dtype)
    height, width = (side - 2 * KERNEL_RADIUS for side in noise.shape[1:3])
    rows = jnp.asarray(sum(weight * noise[:, i : i + height] for i, weight in enumerate(weights)))
    return jnp.asarray(sum(weight * rows[:, :, i : i + width] for i, weight in enumerate(weights)))


def random_film_grain(key: Array, images: Array, hyper: Mapping[str, Array]) -> tuple[Array, Array]:
    """Adds grain of the levels that `GaussianNoiseHyper` describes, of a random radius and correlation of the channels.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      hyper: the fields of `GaussianNoiseHyper`.
    Returns:
      (images, sigma): float[batch, height, width, channel], not clipped; float32[batch] in units of the [0, 1] range.
    """
    count = len(images)
    for_level, for_radius, for_correlation, for_noise = split_keys(key, count, 4)
    sigma = random_level(for_level, count, hyper)
    radius, correlation = uniform(for_radius, count, *RADII), uniform(for_correlation, count)
    return film_grain(for_noise, images, sigma, radius, correlation), sigma


register(
    film_grain,
    "film grain: noise correlated between pixels",
    sample=random_film_grain,
    example={"sigma": 0.12, "radius": 1.0},
    returns="noise_level",
    hyper=GaussianNoiseHyper,
    grain=False,
)
