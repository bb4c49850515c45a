"""Noise as photographs in files have it: white, grainy or shared by the channels, clipped to 8 bits or saved as JPEG.

The level of such noise is given in one unit: the standard deviation of white noise, independent in each channel, whose
luma has the same standard deviation. Noise that three channels share is 1 / ‖w‖ = 1.5 times as strong in luma as
independent noise of the same standard deviation in each channel, w being the weights of luma. JPEG files keep the noise
of luma and lose most of that of chroma, so that what they hold of independent noise is shared.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.composition import select
from jaxgen.degradations.compression import TO_YCBCR, jpeg
from jaxgen.degradations.draws import (
    at_least_float32,
    check_images,
    gray_or_color,
    per_image_values,
    split_keys,
    uniform,
)
from jaxgen.degradations.grain import film_grain, midtone_factor
from jaxgen.degradations.noise import GaussianNoiseHyper, random_level
from jaxgen.degradations.registry import register

LUMA_WEIGHTS = TO_YCBCR[0]
LUMA_NOISE = float(np.linalg.norm(LUMA_WEIGHTS))
"""Standard deviation of the luma of noise that has 1 in each of three channels, independently: 0.67."""
WHITE = 0.4
"""Fraction of the images with white noise, independent in each channel and neither clipped nor rounded."""
SHARED, PARTLY_SHARED = 0.3, 0.3
"""Fractions of the other images whose channels have the same noise, and correlated noise."""
GRAINY = 0.6
"""Fraction of these images whose noise is correlated between pixels."""
RADII = (0.3, 1.6)
"""Range of its radius in pixels."""
COMPRESSED = 0.5
"""Fraction of these images that are saved as JPEG with chroma at half the resolution; the others have 8 bits."""
QUALITIES = (75.0, 98.0)
"""Range of the quality of these JPEG files."""
MAX_REMAINING = 1.25
"""Largest fraction of the luma's noise that JPEG keeps: rounding of coefficients can also amplify it."""
FAINT = 1e-4
"""Standard deviation in [0, 1] below which nothing is said about the fraction."""


def luma(images: Array) -> Array:
    """Returns the luma of images[batch, height, width, 1 or 3] in their range (BT.601, as in JPEG files), 1 channel."""
    if images.shape[-1] == 1:
        return images
    weights = jnp.asarray(LUMA_WEIGHTS, images.dtype)
    return jnp.einsum("bhwc,c->bhw", images, weights, precision=lax.Precision.HIGHEST)[..., None]


def luma_noise(channels: int) -> float:
    """Returns the standard deviation of the luma of noise of level 1: `LUMA_NOISE`, or 1 for gray images."""
    return LUMA_NOISE if channels == 3 else 1.0


def photo_noise(key: Array, images: Array, sigma: float | Array) -> Array:
    """Adds noise of a random kind, as photographs in files have it.

    Two fifths of the images have white noise that is neither clipped nor rounded, as in the published results; the
    others have noise that is perhaps grainy, shared by the channels and weaker in black and white, in 8 bits or a JPEG
    file with chroma at half the resolution.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      sigma: level of the noise before JPEG in units of the [0, 1] range: the standard deviation of independent noise
        with the same luma; one or float[batch].
    Returns:
      float[batch, height, width, 1 or 3], in the images' dtype.
    Raises:
      ValueError: if the channels are neither 1 nor 3, or the number of keys or sigmas is neither 1 nor the batch size.
    """
    return photo_noise_and_level(key, images, sigma)[0]


def photo_noise_and_level(key: Array, images: Array, sigma: float | Array) -> tuple[Array, Array]:
    """Adds noise as `photo_noise` does, and returns the level that it has in the result, float32[batch].

    The level falls where midtones alone are grainy, and where JPEG removes noise. Where noise is clipped it does not.
    """
    images = gray_or_color(images)
    wide, n, channels = at_least_float32(images), len(images), images.shape[-1]
    for_kind, for_noise, for_jpeg = split_keys(key, n, 3)
    white, shared, share, grainy, radius, for_midtones = split_keys(for_kind, n, 6)
    is_white, position = uniform(white, n) < WHITE, uniform(shared, n)
    correlation = jnp.where(position < SHARED, 1.0, jnp.where(position < SHARED + PARTLY_SHARED, uniform(share, n), 0))
    is_grainy, midtones = uniform(grainy, n) < GRAINY, jnp.maximum(uniform(for_midtones, n, -1.0, 1.0), 0)
    radii = jnp.where(is_grainy, uniform(radius, n, *RADII), 0)
    correlation, radii, midtones = (
        jnp.where(is_white, 0, x) for x in (correlation, radii, jnp.where(is_grainy, midtones, 0))
    )
    level = per_image_values("sigma", sigma, n)
    deviation = level * (luma_noise(channels) / luma_deviation(correlation, channels))
    noisy = film_grain(for_noise, wide, deviation, radii, correlation, midtones)
    level = level * jnp.sqrt((midtone_factor(wide, midtones) ** 2).mean((1, 2, 3)))
    stored, remaining = in_file(for_jpeg, wide, noisy)
    return select(is_white, noisy, stored).astype(images.dtype), jnp.where(is_white, 1, remaining) * level


def luma_deviation(correlation: Array, channels: int) -> Array:
    """Returns the standard deviation of the luma of noise with 1 in each channel, by the channels' correlation."""
    return jnp.sqrt(correlation + (1 - correlation) * luma_noise(channels) ** 2)


def in_file(key: Array, clean: Array, noisy: Array) -> tuple[Array, Array]:
    """Returns images as a file holds them, in 8 bits or as JPEG, and the fraction of their luma's noise that it keeps.

    Args:
      key: key[batch].
      clean: float[batch, height, width, 1 or 3] in [0, 1].
      noisy: the same images with noise.
    Returns:
      (float[batch, height, width, 1 or 3] in [0, 1], float32[batch]).
    """
    decision, for_quality = split_keys(key, len(clean), 2)
    is_compressed, quality = uniform(decision, len(clean)) < COMPRESSED, uniform(for_quality, len(clean), *QUALITIES)
    rounded = jnp.round(255 * jnp.clip(noisy, 0, 1)) / 255
    compressed = jpeg(noisy, quality)
    before = luma(jnp.clip(noisy, 0, 1) - jnp.clip(clean, 0, 1)).std((1, 2, 3))
    after = luma(compressed - jpeg(clean, quality)).std((1, 2, 3))
    remaining = jnp.where(before > FAINT, jnp.minimum(after / jnp.maximum(before, FAINT), MAX_REMAINING), 1)
    return select(is_compressed, compressed, rounded), jnp.where(is_compressed, remaining, 1)


def random_photo_noise(key: Array, images: Array, hyper: Mapping[str, Array]) -> tuple[Array, Array]:
    """Adds photo noise of the levels that `GaussianNoiseHyper` describes, and returns the levels; see `photo_noise`."""
    images = check_images(images)
    for_level, for_noise = split_keys(key, len(images), 2)
    return photo_noise_and_level(for_noise, images, random_level(for_level, len(images), hyper))


register(
    photo_noise,
    "noise as photographs in files have it: white, grainy or shared by the channels, in 8 bits or JPEG",
    example={"sigma": 0.12},
    returns="noise_level",
    sample=random_photo_noise,
    hyper=GaussianNoiseHyper,
    grain=False,
)
