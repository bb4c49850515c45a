"""Haze removed by the dark channel prior: in a clear picture, some colour is dark somewhere in nearly every patch."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.filters.checks import checked, odd
from jaxgen.filters.guided import guided
from jaxgen.filters.windows import minima, reflected

BRIGHTEST = 0.001  # the part of the pixels, those with most haze, among which the light is found
LEAST_TRANSMISSION = 0.1  # what is behind denser haze is noise


@partial(jax.jit, static_argnames="size")
def dark_channel(images: Array, size: int = 15) -> Array:
    """Returns the least value of any channel in each window.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: side of the window in pixels, odd.
    Returns:
      float[batch, height, width, 1]; borders are reflected without their outermost pixel.
    Raises:
      ValueError: if the size is even.
    Reference: He, Sun, Tang 2009, equation 5.
    """
    images, size = checked(images), odd(size)
    return minima(reflected(images.min(-1, keepdims=True), size, size), size, size)


def atmospheric_light(images: Array, dark: Array) -> Array:
    """Returns the colour of the haze: the brightest pixel among the 0.1 % with the brightest dark channel.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      dark: float[batch, height, width, 1], their dark channel.
    Returns:
      float[batch, 1, 1, channel].
    Reference: He, Sun, Tang 2009, section 4.4.
    """
    batch, height, width, channels = images.shape
    count = max(1, round(BRIGHTEST * height * width))
    _, haziest = lax.top_k(dark.reshape(batch, -1), count)
    pixels = jnp.take_along_axis(images.reshape(batch, -1, channels), haziest[..., None], axis=1)
    brightest = pixels.sum(-1).argmax(1)
    return jnp.take_along_axis(pixels, brightest[:, None, None], axis=1)[:, None]


@partial(jax.jit, static_argnames=("size", "radius"))
def dehaze(
    images: Array, size: int = 15, omega: float | Array = 0.95, radius: int = 60, eps: float | Array = 1e-3
) -> Array:
    """Returns the pictures without haze, by the dark channel prior, the transmission refined by the guided filter.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      size: side of the dark channel's window in pixels, odd.
      omega: the part of the haze that is removed; less than 1, so that distance can still be seen.
      radius: of the guided filter in pixels; the picture is its guide.
      eps: of the guided filter, in units of the [0, 1] range squared.
    Returns:
      float[batch, height, width, 1 or 3], cut to [0, 1].
    Raises:
      ValueError: if the size is even, the radius less than 1, or the channels neither one nor three.
    Reference: He, Sun, Tang 2009, equations 12 and 16; the filter in place of the matting He, Sun, Tang 2010.
    """
    images = checked(images)
    light = atmospheric_light(images, dark_channel(images, size))
    # Black light would leave nothing of the picture; it scatters none.
    rough = 1 - omega * dark_channel(images / jnp.maximum(light, 1e-3), size)
    transmission = jnp.clip(guided(rough, images, radius, eps), LEAST_TRANSMISSION, 1)
    return jnp.clip((images - light) / transmission + light, 0, 1)
