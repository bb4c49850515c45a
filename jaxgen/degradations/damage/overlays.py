"""Overlays: damage with a texture and an opacity, composited over images."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.degradations.draws import gray_or_color, per_image_values
from jaxgen.io.images import LUMA
from jaxgen.keys import per_example


def max_count(name: str, limits: tuple[int, int]) -> int:
    """Returns the largest number of objects, which fixes the shapes in a compiled function.

    Args:
      name: of the parameter, for the message.
      limits: (fewest, most).
    Raises:
      ValueError: if they are not integers with 0 ≤ fewest ≤ most.
    """
    low, high = limits
    if not 0 <= low <= high or int(low) != low or int(high) != high:
        raise ValueError(f"{name} = {limits}: give (fewest, most), integers from 0")
    return int(high)


def composite(images: Array, texture: Array, alpha: Array) -> Array:
    """Computes x(1 − α) + α · texture; pixels with α = 0 keep their exact values, gray images get the texture's luma.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      texture: float[batch, height, width, 1 or 3] in [0, 1].
      alpha: float[batch, height, width, 1] in [0, 1].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    """
    if texture.shape[-1] > images.shape[-1]:
        texture = (texture * LUMA).sum(-1, keepdims=True)
    alpha = alpha.astype(images.dtype)
    return images * (1 - alpha) + alpha * texture.astype(images.dtype)


def apply_overlay(
    key: Array,
    images: Array,
    layer: Callable[..., tuple[Array, Array]],
    strengths: Sequence[tuple[str, float | Array]],
    **static: Any,
) -> tuple[Array, Array]:
    """Draws an overlay for each image and composites it: x(1 − α) + α · texture.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      layer: (key, *strengths, height, width, **static) -> (texture float[h, w, 3], α float[h, w, 1]) of one image.
      strengths: (name, value), in the order in which `layer` takes them; a value is one number or float[batch].
      **static: arguments that are the same for all images and decide shapes, such as counts.
    Returns:
      (float[batch, height, width, channel] in the images' dtype, α float32[batch, height, width, 1]).
    Raises:
      ValueError: if the images or a strength have another shape, or a count's fewest exceeds its most.
    """
    images = gray_or_color(images)
    count, height, width, _ = images.shape
    values = [per_image_values(name, value, count) for name, value in strengths]
    draw = partial(layer, height=height, width=width, **static)
    texture, alpha = jax.vmap(draw)(per_example(key, count), *values)
    return composite(images, texture, alpha), alpha


def colormap(x: Array, colors: np.ndarray) -> Array:
    """Maps numbers to colors by linear interpolation between equally spaced ones.

    Args:
      x: float[...], clipped to [0, 1]: 0 is the first color, 1 the last.
      colors: float[count, 3].
    Returns:
      float32[..., 3].
    """
    table = jnp.asarray(colors, jnp.float32)
    steps = jnp.clip(x[..., None] * (len(table) - 1) - jnp.arange(len(table) - 1), 0, 1)
    return table[0] + sum(steps[..., i, None] * (table[i + 1] - table[i]) for i in range(len(table) - 1))
