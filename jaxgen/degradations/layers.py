"""Damage as a layer over the picture: what it shows, where it lies, and the checks that every such layer shares."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

BT601 = np.array([0.299, 0.587, 0.114], np.float32)


def pictures(images: Array) -> Array:
    """Returns the images as an array.

    Raises:
      ValueError: if they are not floating numbers of shape [batch, height, width, 1 or 3].
    """
    images = jnp.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"images of {images.dtype}{list(images.shape)}: give float[batch, height, width, 1 or 3] in [0, 1]"
        )
    return images


def for_each(name: str, value: float | Array, count: int) -> Array:
    """Returns one number for each image, float32[count], of one for all or one for each.

    Raises:
      ValueError: if it is neither.
    """
    value = jnp.asarray(value, jnp.float32)
    if value.shape not in ((), (count,)):
        raise ValueError(f"{name} of shape {value.shape} for {count} images: give one, or one for each image")
    return jnp.broadcast_to(value, (count,))


def between(name: str, limits: tuple[float | Array, float | Array], keys: Array) -> Array:
    """Returns one number for each key, uniform between two limits, float32[batch].

    Args:
      name: what is drawn, for the message.
      limits: (low, high), each a number or float[batch].
      keys: key[batch].
    Raises:
      ValueError: if `limits` is not two numbers, or two for each image.
    """
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise ValueError(f"{name} = {limits!r}: give (low, high)")
    low, high = (for_each(name, limit, len(keys)) for limit in limits)
    return low + (high - low) * jax.vmap(lambda key: jax.random.uniform(key, dtype=jnp.float32))(keys)


def at_most(name: str, limits: tuple[int, int]) -> int:
    """Returns the larger of two counts, the number of things that a compiled function makes room for.

    Raises:
      ValueError: if they are not two whole numbers in order, from 0 on.
    """
    low, high = limits
    if not 0 <= low <= high or int(low) != low or int(high) != high:
        raise ValueError(f"{name} = {limits}: give (fewest, most), whole numbers from 0 on")
    return int(high)


def composite(images: Array, texture: Array, alpha: Array) -> Array:
    """Returns x(1 − α) + α · texture: where α is 0 the image's own bits; on grey images the texture's luma.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      texture: float[batch, height, width, 1 or 3] in [0, 1], of one channel for grey damage on any image.
      alpha: float[batch, height, width, 1] in [0, 1].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    """
    if texture.shape[-1] > images.shape[-1]:
        texture = (texture * BT601).sum(-1, keepdims=True)
    alpha = alpha.astype(images.dtype)
    return images * (1 - alpha) + alpha * texture.astype(images.dtype)


def ramp(place: Array, colors: np.ndarray) -> Array:
    """Returns colours between equally spaced ones, linearly.

    Args:
      place: float[...]; 0 and below is the first colour, 1 and above the last.
      colors: float[count, 3].
    Returns:
      float32[..., 3].
    """
    colors = jnp.asarray(colors, jnp.float32)
    steps = jnp.clip(place[..., None] * (len(colors) - 1) - jnp.arange(len(colors) - 1), 0, 1)
    return colors[0] + sum(steps[..., i, None] * (colors[i + 1] - colors[i]) for i in range(len(colors) - 1))
