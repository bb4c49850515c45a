"""Damage as a layer over the picture: what it shows, where it lies, and the checks that every such layer shares."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.degradations.parameters import floating, uniform
from jaxgen.filters.checks import one_or_each
from jaxgen.io.images import LUMA
from jaxgen.keys import per_example


def pictures(images: Array) -> Array:
    """Returns the images as an array, or raises ValueError where they are not float[batch, height, width, 1 or 3]."""
    return floating(images, (1, 3))


def for_each(name: str, value: float | Array, count: int) -> Array:
    """Returns one number for each image, float32[count], of one for all or one for each.

    Raises:
      ValueError: if it is neither.
    """
    return jnp.broadcast_to(one_or_each(name, value, count, jnp.float32), (count,))


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
    return uniform(keys, len(keys), *(for_each(name, limit, len(keys)) for limit in limits))


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
        texture = (texture * LUMA).sum(-1, keepdims=True)
    alpha = alpha.astype(images.dtype)
    return images * (1 - alpha) + alpha * texture.astype(images.dtype)


def cover(
    key: Array,
    images: Array,
    layer: Callable[..., tuple[Array, Array]],
    strengths: Sequence[tuple[str, float | Array]],
    **static: Any,
) -> tuple[Array, Array]:
    """Returns the images under a layer of damage drawn for each of them, x(1 − α) + α · texture, and α.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      layer: (key, *strengths, height, width, **static) -> (texture float[h, w, 3], α float[h, w, 1]) of one picture.
      strengths: (name, value), in the order in which `layer` takes them; a value is one number or float[batch].
      **static: what is the same for all and decides shapes, as counts do.
    Returns:
      (float[batch, height, width, channel] in the images' dtype, float32[batch, height, width, 1]: 1 is hidden).
    Raises:
      ValueError: if the images are none, or a strength belongs to no image.
    """
    images = pictures(images)
    count, height, width, _ = images.shape
    numbers = [for_each(name, value, count) for name, value in strengths]
    draw = partial(layer, height=height, width=width, **static)
    texture, alpha = jax.vmap(draw)(per_example(key, count), *numbers)
    return composite(images, texture, alpha), alpha


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
