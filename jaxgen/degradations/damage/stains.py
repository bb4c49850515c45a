"""Stains of old paper: foxing (brownish age spots) and water stains with tide lines."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.damage import overlays, procedural
from jaxgen.degradations.registry import at_defaults, register

# From the pale border of a spot to its center.
FOXING_COLORS = np.array([[0.76, 0.62, 0.40], [0.63, 0.44, 0.23], [0.46, 0.28, 0.14]], np.float32)
# From the tint of a stain to its dark rim.
WATER_COLORS = np.array([[0.66, 0.53, 0.33], [0.53, 0.39, 0.21], [0.34, 0.22, 0.11]], np.float32)


def foxing(
    key: Array, images: Array, density: float | Array = 0.3, strength: float | Array = 0.8
) -> tuple[Array, Array]:
    """Overlays foxing, clusters of small brownish spots: x(1 − α) + α · texture; returns the images and α.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1]; gray ones get the luma of the spots.
      density: fraction of the possible spots that are present, in [0, 1], one or float[batch]; 1: about 500 in a square
        image, most of them tiny.
      strength: opacity of a spot's center in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, α float32[batch, height, width, 1]).
    Raises:
      ValueError: if the number of a parameter's values is neither 1 nor the batch size.
    """
    return overlays.apply_overlay(key, images, foxing_layer, [("density", density), ("strength", strength)])


register(foxing, "brownish age spots of paper (foxing)", returns="opacity", sample=at_defaults(foxing))


def foxing_layer(key: Array, density: Array, strength: Array, *, height: int, width: int) -> tuple[Array, Array]:
    """Draws the spots of one image: colors float32[height, width, 3] and α float32[height, width, 1]."""
    small, large, cluster, border = jax.random.split(key, 4)
    cone = jnp.maximum(
        procedural.spots(small, height, width, 22, density, (0.08, 0.6)),
        procedural.spots(large, height, width, 7, 0.5 * density, (0.06, 0.45)),
    )
    # Spots form clusters: elsewhere they are smaller or absent.
    dry = 0.5 * jnp.clip(0.3 - procedural.value_noise(cluster, height, width, 2.5), 0, 2)
    rough = procedural.fractal_noise(border, height, width, 40, 3, 0.7)
    core = jnp.clip(cone * (1 + 0.3 * rough) - dry, 0, 1)
    alpha = jnp.clip(2.2 * core, 0, 1) * (0.65 + 0.35 * core)
    return jnp.clip(overlays.colormap(1.6 * core + 0.06 * rough, FOXING_COLORS), 0, 1), (strength * alpha)[..., None]


def stain(
    key: Array, images: Array, count: tuple[int, int] = (1, 3), strength: float | Array = 0.8
) -> tuple[Array, Array]:
    """Overlays water stains, tinted areas with dark rims: x(1 − α) + α · texture; returns the images and α.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1]; gray ones get the luma of the stains.
      count: (fewest, most) stains of an image; static.
      strength: opacity of the darkest rims in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, α float32[batch, height, width, 1]).
    Raises:
      ValueError: if fewest exceeds most, or the number of strengths is neither 1 nor the batch size.
    """
    return overlays.apply_overlay(key, images, water_layer, [("strength", strength)], count=count)


register(stain, "water stains with dark rims", returns="opacity", sample=at_defaults(stain))


def water_layer(key: Array, strength: Array, *, count: tuple[int, int], height: int, width: int) -> tuple[Array, Array]:
    """Draws the water stains of one image: colors float32[height, width, 3] and α float32[height, width, 1]."""
    for_count, for_stains, for_outline, for_tint = jax.random.split(key, 4)
    side = min(height, width)
    y, x = jnp.arange(height, dtype=jnp.float32)[:, None] / side, jnp.arange(width, dtype=jnp.float32) / side
    wander = procedural.fractal_noise(for_outline, height, width, 3, 6, 0.55)
    cloud = procedural.fractal_noise(for_tint, height, width, 5, 5, 0.65)
    draws = jax.random.uniform(for_stains, (overlays.max_count("count", count), 5), jnp.float32)
    present = jnp.arange(len(draws)) < jax.random.randint(for_count, (), count[0], count[1] + 1)

    def add_stain(alpha: Array, stain: tuple[Array, Array]) -> tuple[Array, None]:
        (down, right, size, oval, age), exists = stain
        radius = 0.12 + 0.4 * size**1.5
        stretch = jnp.exp(oval - 0.5)
        distance = jnp.hypot((y - down * height / side) * stretch, (x - right * width / side) / stretch)
        inside = radius - distance + 0.09 * (0.3 + radius) * wander
        # The rim is sharp outside and fades inward; a fainter second rim lies inside.
        rim = edge(inside, 0.05) + (0.25 + 0.3 * age) * edge(inside - (0.15 + 0.25 * age) * radius, 0.04)
        wet = jnp.clip(inside * 60, 0, 1) * (0.24 + 0.08 * cloud + 0.2 * jnp.exp(-jnp.maximum(inside, 0) / 0.12))
        return jnp.maximum(alpha, exists * (wet + 0.7 * rim * (1 + 0.25 * cloud))), None

    alpha, _ = lax.scan(add_stain, jnp.zeros((height, width), jnp.float32), (draws, present))
    alpha = jnp.clip(alpha, 0, 1)
    return overlays.colormap(alpha + 0.05 * cloud, WATER_COLORS), (strength * alpha)[..., None]


def edge(inside: Array, fade: float) -> Array:
    """Returns a rim: 1 just inside a border, decaying inward over `fade`, 0 outside; unit: the shorter side."""
    return jnp.where(inside > 0, jnp.exp(-jnp.maximum(inside, 0) / (0.4 * fade)) * jnp.clip(inside * 120, 0, 1), 0)
