"""Torn, creased and scratched photographs: ragged lines of bare paper, long thin scratches, dust."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations import layers, polylines, procedural

SEGMENTS = 6
SIZE = 256  # pixels of the shorter side for which widths are given; they grow and shrink with it
PAPER = np.array([[0.80, 0.75, 0.64], [0.96, 0.94, 0.88]], np.float32)
SHADOW = 0.1


def tears(
    key: Array,
    images: Array,
    count: tuple[int, int] = (1, 4),
    width: tuple[float | Array, float | Array] = (1.5, 6.0),
    strength: float | Array = 1.0,
) -> tuple[Array, Array]:
    """Returns the images as torn or folded photographs, x(1 − α) + α · texture, and the mask α.

    A tear starts at the border and runs inward, ragged, narrower towards its end, now and then closed: bare paper in
    the middle, and the shadow of its raised edge along one side.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      count: (fewest, most) tears of a picture; static.
      width: (low, high) of a tear's widest place, in pixels of a picture whose shorter side is 256; each a number or
        float[batch].
      strength: opacity of the bare paper in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, float32[batch, height, width, 1]: 1 is hidden).
    Raises:
      ValueError: if the counts are not in order, or a strength belongs to no image.
    """
    given = [*(("width", limit) for limit in width), ("strength", strength)]
    return layers.cover(key, images, tear_layer, given, count=count)


def tear_layer(
    key: Array, thin: Array, thick: Array, strength: Array, *, count: tuple[int, int], height: int, width: int
) -> tuple[Array, Array]:
    """Returns the tears of one picture: their colours, float32[height, width, 3], and α, float32[height, width, 1]."""
    number, begin, turn, far, wide, jag, open_, fibres = jax.random.split(key, 8)
    side = min(height, width)
    most, pixel = layers.at_most("count", count), side / SIZE
    present = jnp.arange(most) < jax.random.randint(number, (), count[0], count[1] + 1)

    starts, inward = jax.vmap(partial(border_point, height=height, width=width))(jax.random.split(begin, most))
    angles = jax.random.normal(turn, (most, SEGMENTS + 1), jnp.float32)
    headings = inward[:, None] + jnp.clip(0.4 * angles[:, :1], -1, 1) + 0.25 * angles[:, 1:]
    reach = side * jax.random.uniform(far, (most, 1), jnp.float32, 0.3, 1.3) / SEGMENTS
    first, last = jax.vmap(polylines.walk)(starts, headings, jnp.broadcast_to(reach, (most, SEGMENTS)))
    half = pixel / 2 * jax.random.uniform(wide, (most, 1), jnp.float32, thin, thick)
    half = jnp.where(present[:, None], half, -jnp.inf)
    # Width at both ends of every segment: a tear is half as wide where it ends.
    taper = 1 - 0.7 * jnp.arange(SEGMENTS + 1) / SEGMENTS

    # Ragged by displacing the places that are asked, not the line.
    shift = [procedural.fractal_noise(k, height, width, 14, 4, 0.65) for k in jax.random.split(jag)]
    y = jnp.arange(height, dtype=jnp.float32)[:, None] + 2.2 * pixel * shift[0]
    x = jnp.arange(width, dtype=jnp.float32) + 2.2 * pixel * shift[1]
    opening = jnp.clip(0.75 + 0.5 * procedural.fractal_noise(open_, height, width, 12, 3, 0.7), -0.3, 1.6)

    def widest(nearest: tuple[Array, Array], segment: tuple[Array, ...]) -> tuple[tuple[Array, Array], None]:
        inside, right = nearest
        distance, along, which = polylines.segment_distance(y, x, segment[0], segment[1])
        depth = opening * (segment[2] + along * (segment[3] - segment[2])) - distance
        depth = jnp.where(segment[2] > 0, depth, -jnp.inf)
        return (jnp.maximum(inside, depth), jnp.where(depth > inside, which, right)), None

    nothing = (jnp.full((height, width), -jnp.inf, jnp.float32), jnp.zeros((height, width), jnp.float32))
    ends = ((half * taper[:-1]).ravel(), (half * taper[1:]).ravel())
    (inside, right), _ = lax.scan(widest, nothing, (first.reshape(-1, 2), last.reshape(-1, 2), *ends), unroll=SEGMENTS)

    core = jnp.clip(inside + 0.5, 0, 1)
    shadow = 0.45 * jnp.clip(1 + inside / (1 + 2.5 * pixel), 0, 1) * (right > 0)
    alpha = jnp.maximum(core, shadow)
    fibre = procedural.fractal_noise(fibres, height, width, 60, 2, 0.8)
    # Paper is thinner, and darker, towards one side.
    slope = 0.75 + 0.25 * fibre - 0.25 * jnp.where(right > 0, 1, -1) * jnp.clip(1 - inside / (2 * pixel), 0, 1)
    paper = layers.ramp(slope, PAPER)
    bare = (core / jnp.maximum(alpha, 1e-6))[..., None]
    return paper * bare + SHADOW * (1 - bare), (strength * alpha)[..., None]


def border_point(key: Array, *, height: int, width: int) -> tuple[Array, Array]:
    """Returns a random point of the border, float32[2], (y, x), and the heading straight inward in radians."""
    edge, place = jax.random.split(key)
    which, along = jax.random.randint(edge, (), 0, 4), jax.random.uniform(place, dtype=jnp.float32)
    y = jnp.array([0.0, along, 1.0, along])[which] * (height - 1)
    x = jnp.array([along, 1.0, along, 0.0])[which] * (width - 1)
    return jnp.stack([y, x]), jnp.pi / 2 * (1 + which)


def scratches(
    key: Array,
    images: Array,
    count: tuple[int, int] = (4, 16),
    width: tuple[float | Array, float | Array] = (0.5, 1.6),
    dust: float | Array = 0.004,
    strength: float | Array = 0.9,
) -> tuple[Array, Array]:
    """Returns the images under long thin scratches and dust, x(1 − α) + α · texture, and the mask α.

    A scratch is a shallow arc, bright or dark, that fades in and out. Dust is irregular specks, bright or dark.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      count: (fewest, most) scratches of a picture; static.
      width: (low, high), in pixels of a picture whose shorter side is 256; each a number or float[batch]. What is
        thinner than a pixel is fainter.
      dust: the share of the picture under specks, in [0, 1], one or float[batch].
      strength: opacity of the clearest scratch in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, float32[batch, height, width, 1]: 1 is hidden).
    Raises:
      ValueError: if the counts are not in order, or a strength belongs to no image.
    """
    given = [*(("width", limit) for limit in width), ("dust", dust), ("strength", strength)]
    return layers.cover(key, images, scratch_layer, given, count=count)


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
    """Returns the scratches of one picture: their brightness and their α, each float32[height, width, 1]."""
    number, draw, specks, fade, tone = jax.random.split(key, 5)
    side = min(height, width)
    most, pixel = layers.at_most("count", count), side / SIZE
    present = jnp.arange(most) < jax.random.randint(number, (), count[0], count[1] + 1)
    y, x = jnp.arange(height, dtype=jnp.float32)[:, None], jnp.arange(width, dtype=jnp.float32)
    worn = jnp.clip(0.6 + 0.6 * procedural.fractal_noise(fade, height, width, 10, 4, 0.7), 0, 1)

    def over(layer: tuple[Array, Array], scratch: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        (down, right, angle, length, bend, wide, clear, shade), there = scratch
        angle = 2 * jnp.pi * angle
        along = (y - down * height) * jnp.sin(angle) + (x - right * width) * jnp.cos(angle)
        across = (y - down * height) * jnp.cos(angle) - (x - right * width) * jnp.sin(angle)
        # Half its length, in shorter sides: many short, few long.
        half = side * 0.7 * jnp.exp(-2.2 * length)
        distance = abs(across - 0.35 * (bend - 0.5) * along**2 / side)
        thickness = pixel * (thin + (thick - thin) * wide)
        line = jnp.clip(jnp.maximum(thickness, 1) / 2 + 0.5 - distance, 0, 1) * jnp.minimum(thickness, 1)
        ends = jnp.clip(3 * (1 - abs(along) / half), 0, 1)
        alpha = there * line * ends * worn * (0.35 + 0.65 * clear)
        return put(layer, alpha, jnp.where(shade < 0.75, 0.95, 0.06)), None

    nothing = (jnp.zeros((height, width), jnp.float32), jnp.zeros((height, width), jnp.float32))
    scratched, _ = lax.scan(over, nothing, (jax.random.uniform(draw, (most, 8), jnp.float32), present), unroll=4)
    grain = procedural.fractal_noise(specks, height, width, 70, 2, 0.8)
    speck = 0.9 * jnp.clip(1.5 * procedural.rise_above(grain, dust), 0, 1)
    brightness = jnp.where(procedural.value_noise(tone, height, width, 25) < 0.5, 0.9, 0.12)
    shade, alpha = put(scratched, speck, brightness)
    return shade[..., None], (strength * alpha)[..., None]


def put(layer: tuple[Array, Array], alpha: Array, brightness: Array) -> tuple[Array, Array]:
    """Returns (brightness, α) of two layers of which the more opaque is seen."""
    shade, before = layer
    return jnp.where(alpha > before, brightness, shade), jnp.maximum(alpha, before)
