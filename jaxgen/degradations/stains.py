"""Stains of old paper: foxing, the brownish spots of age, and the tide marks that water leaves when it dries."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations import layers, procedural

# From a spot's pale margin to its centre; from a wet area's tint to its tide mark.
FOX = np.array([[0.76, 0.62, 0.40], [0.63, 0.44, 0.23], [0.46, 0.28, 0.14]], np.float32)
TIDE = np.array([[0.66, 0.53, 0.33], [0.53, 0.39, 0.21], [0.34, 0.22, 0.11]], np.float32)


def foxing(
    key: Array, images: Array, density: float | Array = 0.3, strength: float | Array = 0.8
) -> tuple[Array, Array]:
    """Returns the images under foxing, small brownish round spots in clusters, x(1 − α) + α · texture, and α.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1]; grey ones get the spots' luma.
      density: how many of the places where a spot can be hold one, in [0, 1], one or float[batch]; at 1 about 500 a
        square picture, most of them specks.
      strength: opacity of a spot's centre in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, float32[batch, height, width, 1]: 1 is hidden).
    Raises:
      ValueError: if a strength belongs to no image.
    """
    return layers.cover(key, images, foxing_layer, [("density", density), ("strength", strength)])


def foxing_layer(key: Array, density: Array, strength: Array, *, height: int, width: int) -> tuple[Array, Array]:
    """Returns the spots of one picture: their colours, float32[height, width, 3], and α, float32[height, width, 1]."""
    small, large, cluster, border = jax.random.split(key, 4)
    cone = jnp.maximum(
        procedural.spots(small, height, width, 22, density, (0.08, 0.6)),
        procedural.spots(large, height, width, 7, 0.5 * density, (0.06, 0.45)),
    )
    # Damp gathers somewhere: elsewhere spots are smaller or none.
    dry = 0.5 * jnp.clip(0.3 - procedural.value_noise(cluster, height, width, 2.5), 0, 2)
    rough = procedural.fractal_noise(border, height, width, 40, 3, 0.7)
    core = jnp.clip(cone * (1 + 0.3 * rough) - dry, 0, 1)
    alpha = jnp.clip(2.2 * core, 0, 1) * (0.65 + 0.35 * core)
    return jnp.clip(layers.ramp(1.6 * core + 0.06 * rough, FOX), 0, 1), (strength * alpha)[..., None]


def stain(
    key: Array, images: Array, count: tuple[int, int] = (1, 3), strength: float | Array = 0.8
) -> tuple[Array, Array]:
    """Returns the images under dried water, tinted areas with dark irregular rims, x(1 − α) + α · texture, and α.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1]; grey ones get the stains' luma.
      count: (fewest, most) stains of a picture; static.
      strength: opacity of the darkest rims in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, float32[batch, height, width, 1]: 1 is hidden).
    Raises:
      ValueError: if the counts are not in order, or the strength belongs to no image.
    """
    return layers.cover(key, images, water_layer, [("strength", strength)], count=count)


def water_layer(key: Array, strength: Array, *, count: tuple[int, int], height: int, width: int) -> tuple[Array, Array]:
    """Returns the tide marks of one picture: colours, float32[height, width, 3], and α, float32[height, width, 1]."""
    number, place, shape, tint = jax.random.split(key, 4)
    side = min(height, width)
    y, x = jnp.arange(height, dtype=jnp.float32)[:, None] / side, jnp.arange(width, dtype=jnp.float32) / side
    wander = procedural.fractal_noise(shape, height, width, 3, 6, 0.55)
    cloud = procedural.fractal_noise(tint, height, width, 5, 5, 0.65)
    draws = jax.random.uniform(place, (layers.at_most("count", count), 5), jnp.float32)
    present = jnp.arange(len(draws)) < jax.random.randint(number, (), count[0], count[1] + 1)

    def dry(mark: Array, stain: tuple[Array, Array]) -> tuple[Array, None]:
        (down, right, size, oval, age), there = stain
        radius = 0.12 + 0.4 * size**1.5
        stretch = jnp.exp(oval - 0.5)
        away = jnp.hypot((y - down * height / side) * stretch, (x - right * width / side) / stretch)
        inside = radius - away + 0.09 * (0.3 + radius) * wander
        # The rim is sharp outside and fades inward; where it stood before it dried further, fainter rims remain.
        rim = edge(inside, 0.05) + (0.25 + 0.3 * age) * edge(inside - (0.15 + 0.25 * age) * radius, 0.04)
        wet = jnp.clip(inside * 60, 0, 1) * (0.24 + 0.08 * cloud + 0.2 * jnp.exp(-jnp.maximum(inside, 0) / 0.12))
        return jnp.maximum(mark, there * (wet + 0.7 * rim * (1 + 0.25 * cloud))), None

    mark, _ = lax.scan(dry, jnp.zeros((height, width), jnp.float32), (draws, present))
    mark = jnp.clip(mark, 0, 1)
    return layers.ramp(mark + 0.05 * cloud, TIDE), (strength * mark)[..., None]


def edge(inside: Array, fade: float) -> Array:
    """Returns 1 just inside a border, falling within `fade` inward and at once outward; lengths in shorter sides."""
    return jnp.where(inside > 0, jnp.exp(-jnp.maximum(inside, 0) / (0.4 * fade)) * jnp.clip(inside * 120, 0, 1), 0)
