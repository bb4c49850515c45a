"""Dehazing by the dark channel prior: haze-free images have a dark pixel in some channel of almost every patch."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.filters.checks import checked, odd
from jaxgen.filters.guided import guided
from jaxgen.filters.windows import minima, reflected

BRIGHTEST_FRACTION = 0.001
"""Fraction of the pixels, those with the brightest dark channel, from which the atmospheric light is estimated."""
MIN_TRANSMISSION = 0.1
"""Lower bound of the transmission, which limits the amplification of noise."""


@partial(jax.jit, static_argnames="size")
def dark_channel(images: Array, size: int = 15) -> Array:
    """Computes the dark channel: the minimum over all channels and each window.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: side of the window in pixels, odd.
    Returns:
      float[batch, height, width, 1]; borders are reflected without repeating the border pixel.
    Raises:
      ValueError: if the size is even.
    Reference: He, Sun, Tang 2009, equation 5.
    """
    images, size = checked(images), odd(size)
    return minima(reflected(images.min(-1, keepdims=True), size, size), size, size)


def atmospheric_light(images: Array, dark: Array) -> Array:
    """Estimates the atmospheric light: the brightest pixel among the 0.1 % with the brightest dark channel.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      dark: float[batch, height, width, 1], their dark channel.
    Returns:
      float[batch, 1, 1, channel].
    Reference: He, Sun, Tang 2009, section 4.4.
    """
    batch, height, width, channels = images.shape
    count = max(1, round(BRIGHTEST_FRACTION * height * width))
    _, haziest = lax.top_k(dark.reshape(batch, -1), count)
    pixels = jnp.take_along_axis(images.reshape(batch, -1, channels), haziest[..., None], axis=1)
    brightest = pixels.sum(-1).argmax(1)
    return jnp.take_along_axis(pixels, brightest[:, None, None], axis=1)[:, None]


@partial(jax.jit, static_argnames=("size", "radius"))
def dehaze(
    images: Array, size: int = 15, omega: float | Array = 0.95, radius: int = 60, eps: float | Array = 1e-3
) -> Array:
    """Removes haze by the dark channel prior, with the transmission refined by the guided filter.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      size: side of the dark channel's window in pixels, odd.
      omega: fraction of the haze that is removed; below 1 to keep some depth impression.
      radius: of the guided filter in pixels; the image is its guide.
      eps: of the guided filter, in units of the [0, 1] range squared.
    Returns:
      float[batch, height, width, 1 or 3], clipped to [0, 1].
    Raises:
      ValueError: if the size is even, the radius below 1, or the channels neither 1 nor 3.
    Reference: He, Sun, Tang 2009, equations 12 and 16; the filter in place of the matting He, Sun, Tang 2010.
    """
    images = checked(images)
    light = atmospheric_light(images, dark_channel(images, size))
    # Avoids a division by 0 for black atmospheric light.
    rough = 1 - omega * dark_channel(images / jnp.maximum(light, 1e-3), size)
    transmission = jnp.clip(guided(rough, images, radius, eps), MIN_TRANSMISSION, 1)
    return jnp.clip((images - light) / transmission + light, 0, 1)
