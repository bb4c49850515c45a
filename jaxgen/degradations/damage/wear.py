"""Tears with bare paper, thin scratches, and dust."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.damage import overlays, polylines, procedural
from jaxgen.degradations.registry import Benchmark, at_defaults, register

SEGMENTS = 6
SIZE = 256
"""Shorter side of an image in pixels for which widths are given; they scale with it."""
PAPER = np.array([[0.80, 0.75, 0.64], [0.96, 0.94, 0.88]], np.float32)
SHADOW = 0.1
"""Brightness of the shadow beside a tear."""


def tears(
    key: Array,
    images: Array,
    count: tuple[int, int] = (1, 4),
    width: tuple[float | Array, float | Array] = (1.5, 6.0),
    strength: float | Array = 1.0,
) -> tuple[Array, Array]:
    """Overlays tears: x(1 − α) + α · texture; returns the images and α.

    A tear is a ragged line from the border inward that becomes narrower towards its end and is closed in places: bare
    paper in the middle, and a shadow along one side.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      count: (fewest, most) tears of an image; static.
      width: (low, high) of a tear's largest width, in pixels of an image whose shorter side is 256; each a number or
        float[batch].
      strength: opacity of the bare paper in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, α float32[batch, height, width, 1]).
    Raises:
      ValueError: if fewest exceeds most, or the number of a parameter's values is neither 1 nor the batch size.
    """
    strengths = [*(("width", limit) for limit in width), ("strength", strength)]
    return overlays.apply_overlay(key, images, tear_layer, strengths, count=count)


register(
    tears,
    "tears with bare paper and shadows",
    returns="opacity",
    sample=at_defaults(tears),
    benchmark=Benchmark(
        "1 to 4 tears 1.5 to 6 pixels wide", lambda keys, images: tears(keys, images, (1, 4), (1.5, 6.0))
    ),
)


def tear_layer(
    key: Array, thin: Array, thick: Array, strength: Array, *, count: tuple[int, int], height: int, width: int
) -> tuple[Array, Array]:
    """Draws the tears of one image: colors float32[height, width, 3] and α float32[height, width, 1]."""
    for_count, for_start, for_angle, for_length, for_width, for_edge, for_opening, for_fibers = jax.random.split(key, 8)
    side = min(height, width)
    most, pixel = overlays.max_count("count", count), side / SIZE
    present = jnp.arange(most) < jax.random.randint(for_count, (), count[0], count[1] + 1)

    starts, inward = jax.vmap(partial(border_point, height=height, width=width))(jax.random.split(for_start, most))
    angles = jax.random.normal(for_angle, (most, SEGMENTS + 1), jnp.float32)
    headings = inward[:, None] + jnp.clip(0.4 * angles[:, :1], -1, 1) + 0.25 * angles[:, 1:]
    length = side * jax.random.uniform(for_length, (most, 1), jnp.float32, 0.3, 1.3) / SEGMENTS
    first, last = jax.vmap(polylines.walk)(starts, headings, jnp.broadcast_to(length, (most, SEGMENTS)))
    half = pixel / 2 * jax.random.uniform(for_width, (most, 1), jnp.float32, thin, thick)
    half = jnp.where(present[:, None], half, -jnp.inf)
    # Relative width at the ends of the segments: a tear becomes narrower.
    taper = 1 - 0.7 * jnp.arange(SEGMENTS + 1) / SEGMENTS

    # Displaced coordinates make the line ragged.
    shift = [procedural.fractal_noise(k, height, width, 14, 4, 0.65) for k in jax.random.split(for_edge)]
    y = jnp.arange(height, dtype=jnp.float32)[:, None] + 2.2 * pixel * shift[0]
    x = jnp.arange(width, dtype=jnp.float32) + 2.2 * pixel * shift[1]
    opening = jnp.clip(0.75 + 0.5 * procedural.fractal_noise(for_opening, height, width, 12, 3, 0.7), -0.3, 1.6)

    def add_segment(nearest: tuple[Array, Array], segment: tuple[Array, ...]) -> tuple[tuple[Array, Array], None]:
        inside, right = nearest
        distance, along, segment_side = polylines.segment_distance(y, x, segment[0], segment[1])
        depth = opening * (segment[2] + along * (segment[3] - segment[2])) - distance
        depth = jnp.where(segment[2] > 0, depth, -jnp.inf)
        return (jnp.maximum(inside, depth), jnp.where(depth > inside, segment_side, right)), None

    nothing = (jnp.full((height, width), -jnp.inf, jnp.float32), jnp.zeros((height, width), jnp.float32))
    ends = ((half * taper[:-1]).ravel(), (half * taper[1:]).ravel())
    (inside, right), _ = lax.scan(
        add_segment, nothing, (first.reshape(-1, 2), last.reshape(-1, 2), *ends), unroll=SEGMENTS
    )

    core = jnp.clip(inside + 0.5, 0, 1)
    shadow = 0.45 * jnp.clip(1 + inside / (1 + 2.5 * pixel), 0, 1) * (right > 0)
    alpha = jnp.maximum(core, shadow)
    fibre = procedural.fractal_noise(for_fibers, height, width, 60, 2, 0.8)
    # Paper is darker towards one side.
    slope = 0.75 + 0.25 * fibre - 0.25 * jnp.where(right > 0, 1, -1) * jnp.clip(1 - inside / (2 * pixel), 0, 1)
    paper = overlays.colormap(slope, PAPER)
    bare = (core / jnp.maximum(alpha, 1e-6))[..., None]
    return paper * bare + SHADOW * (1 - bare), (strength * alpha)[..., None]


def border_point(key: Array, *, height: int, width: int) -> tuple[Array, Array]:
    """Draws a point of the border, (y, x) float32[2], and returns it and the direction perpendicular to the border."""
    for_edge, for_position = jax.random.split(key)
    edge, along = jax.random.randint(for_edge, (), 0, 4), jax.random.uniform(for_position, dtype=jnp.float32)
    y = jnp.array([0.0, along, 1.0, along])[edge] * (height - 1)
    x = jnp.array([along, 1.0, along, 0.0])[edge] * (width - 1)
    return jnp.stack([y, x]), jnp.pi / 2 * (1 + edge)


def scratches(
    key: Array,
    images: Array,
    count: tuple[int, int] = (4, 16),
    width: tuple[float | Array, float | Array] = (0.5, 1.6),
    dust: float | Array = 0.004,
    strength: float | Array = 0.9,
) -> tuple[Array, Array]:
    """Overlays thin scratches and dust: x(1 − α) + α · texture; returns the images and α.

    A scratch is a shallow arc, bright or dark, of varying opacity. Dust is irregular specks, bright or dark.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      count: (fewest, most) scratches of an image; static.
      width: (low, high), in pixels of an image whose shorter side is 256; each a number or float[batch]. Scratches
        thinner than a pixel are less opaque.
      dust: fraction of the image under specks, in [0, 1], one or float[batch].
      strength: largest opacity of a scratch in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, α float32[batch, height, width, 1]).
    Raises:
      ValueError: if fewest exceeds most, or the number of a parameter's values is neither 1 nor the batch size.
    """
    strengths = [*(("width", limit) for limit in width), ("dust", dust), ("strength", strength)]
    return overlays.apply_overlay(key, images, scratch_layer, strengths, count=count)


register(
    scratches,
    "thin scratches and dust",
    returns="opacity",
    sample=at_defaults(scratches),
    benchmark=Benchmark(
        "4 to 16 scratches 0.5 to 1.6 pixels wide, dust over 0.4 %",
        lambda keys, images: scratches(keys, images, (4, 16), (0.5, 1.6), 0.004, 0.9),
    ),
)


def scratch_layer(
    key: Array,
    thin: Array,
    thick: Array,
    dust: Array,
    strength: Array,
    *,
    count: tuple[int, int],
    height: int,
    width: int,
) -> tuple[Array, Array]:
    """Draws the scratches of one image: brightness and α, each float32[height, width, 1]."""
    for_count, for_scratches, for_dust, for_opacity, for_tone = jax.random.split(key, 5)
    side = min(height, width)
    most, pixel = overlays.max_count("count", count), side / SIZE
    present = jnp.arange(most) < jax.random.randint(for_count, (), count[0], count[1] + 1)
    y, x = jnp.arange(height, dtype=jnp.float32)[:, None], jnp.arange(width, dtype=jnp.float32)
    visibility = jnp.clip(0.6 + 0.6 * procedural.fractal_noise(for_opacity, height, width, 10, 4, 0.7), 0, 1)

    def add_scratch(layer: tuple[Array, Array], scratch: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        (down, right, angle, length, bend, thickness, opacity, shade), exists = scratch
        angle = 2 * jnp.pi * angle
        along = (y - down * height) * jnp.sin(angle) + (x - right * width) * jnp.cos(angle)
        across = (y - down * height) * jnp.cos(angle) - (x - right * width) * jnp.sin(angle)
        # Half the length: short scratches are more frequent than long ones.
        half = side * 0.7 * jnp.exp(-2.2 * length)
        distance = abs(across - 0.35 * (bend - 0.5) * along**2 / side)
        thickness = pixel * (thin + (thick - thin) * thickness)
        line = jnp.clip(jnp.maximum(thickness, 1) / 2 + 0.5 - distance, 0, 1) * jnp.minimum(thickness, 1)
        ends = jnp.clip(3 * (1 - abs(along) / half), 0, 1)
        alpha = exists * line * ends * visibility * (0.35 + 0.65 * opacity)
        return more_opaque(layer, alpha, jnp.where(shade < 0.75, 0.95, 0.06)), None

    nothing = (jnp.zeros((height, width), jnp.float32), jnp.zeros((height, width), jnp.float32))
    layer, _ = lax.scan(
        add_scratch, nothing, (jax.random.uniform(for_scratches, (most, 8), jnp.float32), present), unroll=4
    )
    grain = procedural.fractal_noise(for_dust, height, width, 70, 2, 0.8)
    speck = 0.9 * jnp.clip(1.5 * procedural.above_quantile(grain, dust), 0, 1)
    brightness = jnp.where(procedural.value_noise(for_tone, height, width, 25) < 0.5, 0.9, 0.12)
    shade, alpha = more_opaque(layer, speck, brightness)
    return shade[..., None], (strength * alpha)[..., None]


def more_opaque(layer: tuple[Array, Array], alpha: Array, brightness: Array) -> tuple[Array, Array]:
    """Returns (brightness, α) of the more opaque of two layers at each pixel."""
    shade, opacity = layer
    return jnp.where(alpha > opacity, brightness, shade), jnp.maximum(alpha, opacity)
