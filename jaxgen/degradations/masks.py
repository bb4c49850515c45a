"""Holes: irregular strokes and rectangles that are missing from the picture."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations import layers, polylines

SEGMENTS = 5
LENGTH = (10, 69)
WIDTH = (5, 24)
SIDE = (30, 99)
TURN = 2.0  # radians to either side of a stroke's heading
SIZE = 256  # pixels, of the pictures that the ranges above are meant for


def holes(
    key: Array,
    images: Array,
    fill: float | Array = 0.0,
    strokes: tuple[int, int] = (0, 10),
    rectangles: tuple[int, int] = (0, 3),
) -> tuple[Array, Array]:
    """Returns the images with irregular holes, and the mask of the holes; see `hole_mask`.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      fill: what is seen in a hole, one or float[batch].
      strokes: (fewest, most) of a picture; static.
      rectangles: (fewest, most) of a picture; static.
    Returns:
      (float[batch, height, width, channel] in the images' dtype, float32[batch, height, width, 1]: 1 is missing).
    Raises:
      ValueError: if the counts are not in order, or the fill belongs to no image.
    """
    images = layers.pictures(images)
    count, height, width, _ = images.shape
    fill = layers.for_each("fill", fill, count).astype(images.dtype)
    layers.at_most("strokes", strokes), layers.at_most("rectangles", rectangles)
    draw = partial(hole_mask, height=height, width=width, strokes=strokes, rectangles=rectangles)
    mask = jax.vmap(draw)(keys.per_example(key, count))
    return jnp.where(mask > 0, fill[:, None, None, None], images), mask


def hole_mask(
    key: Array,
    height: int,
    width: int,
    strokes: tuple[int, int] = (0, 10),
    rectangles: tuple[int, int] = (0, 3),
) -> Array:
    """Returns the mask of a picture's holes: strokes of 1–5 segments with round ends, and upright rectangles inside.

    On pictures of 256 pixels and more a segment is 10–69 long and its stroke 5–24 wide, and a rectangle's sides are
    30–99; on smaller ones all lengths shrink with the shorter side. A stroke turns by up to 2 radians to either side of
    its own heading. It may leave the picture. With both ranges from 0 one mask in 44 is empty.

    Args:
      key: one key.
      height: in pixels.
      width: in pixels.
      strokes: (fewest, most); static.
      rectangles: (fewest, most); static.
    Returns:
      float32[height, width, 1], 1 in a hole, else 0.
    Raises:
      ValueError: if the counts are not in order.
    Reference: Suvorov et al. 2022 (LaMa), for the ranges.
    """
    scale = min(1.0, min(height, width) / SIZE)
    y, x = jnp.arange(height, dtype=jnp.float32)[:, None], jnp.arange(width, dtype=jnp.float32)
    for_strokes, for_rectangles = jax.random.split(key)

    def segment(mask: Array, drawn: tuple[Array, ...]) -> tuple[Array, None]:
        first, last, reach = drawn
        return mask | (polylines.segment_distance(y, x, first, last)[0] <= reach), None

    def rectangle(mask: Array, corners: tuple[Array, Array]) -> tuple[Array, None]:
        (top, left), (bottom, right) = corners
        return mask | ((y >= top) & (y < bottom) & (x >= left) & (x < right)), None

    mask = jnp.zeros((height, width), bool)
    mask, _ = lax.scan(segment, mask, draw_strokes(for_strokes, strokes, scale, (height, width)), unroll=SEGMENTS)
    mask, _ = lax.scan(rectangle, mask, draw_rectangles(for_rectangles, rectangles, scale, (height, width)))
    return mask.astype(jnp.float32)[..., None]


def draw_strokes(key: Array, count: tuple[int, int], scale: float, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Returns the segments of all strokes: first points, last points, half widths; those that are absent reach −1."""
    most = layers.at_most("strokes", count)
    number, many, begin, turn, far, thick = jax.random.split(key, 6)
    present = jnp.arange(most) < jax.random.randint(number, (), count[0], count[1] + 1)
    drawn = jnp.arange(SEGMENTS) < jax.random.randint(many, (most, 1), 1, SEGMENTS + 1)
    angles = jax.random.uniform(turn, (most, SEGMENTS + 1), jnp.float32, -1, 1)
    headings = jnp.pi * angles[:, :1] + TURN * angles[:, 1:]
    lengths = scale * jax.random.randint(far, (most, SEGMENTS), LENGTH[0], LENGTH[1] + 1)
    reach = scale / 2 * jax.random.randint(thick, (most, 1), WIDTH[0], WIDTH[1] + 1)
    starts = jax.random.uniform(begin, (most, 2), jnp.float32) * jnp.array(size)
    first, last = jax.vmap(polylines.walk)(starts, headings, lengths)
    return first.reshape(-1, 2), last.reshape(-1, 2), jnp.where(present[:, None] & drawn, reach, -1.0).ravel()


def draw_rectangles(key: Array, count: tuple[int, int], scale: float, size: tuple[int, int]) -> tuple[Array, Array]:
    """Returns the first corners (top, left) of all rectangles and the ones behind the last; absent ones are empty."""
    most = layers.at_most("rectangles", count)
    number, place, wide = jax.random.split(key, 3)
    present = jnp.arange(most) < jax.random.randint(number, (), count[0], count[1] + 1)
    sides = jnp.round(scale * jax.random.randint(wide, (most, 2), SIDE[0], SIDE[1] + 1))
    room = jnp.array(size) - sides + 1
    first = jnp.floor(jax.random.uniform(place, (most, 2), jnp.float32) * room)
    return first, jnp.where(present[:, None], first + sides, first)
