"""Holes: irregular strokes and rectangles that are missing from the image."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations.damage import overlays, polylines
from jaxgen.degradations.draws import gray_or_color, per_image_values, split_keys, uniform
from jaxgen.degradations.registry import Benchmark, register

SEGMENTS = 5
"""Largest number of segments in a stroke."""
LENGTH = (10, 69)
"""Range of a segment's length, pixels."""
WIDTH = (5, 24)
"""Range of a stroke's width, pixels."""
SIDE = (30, 99)
"""Range of a rectangle's sides, pixels."""
TURN = 2.0
"""Largest turn of a segment from the stroke's main direction, radians."""
SIZE = 256
"""Side in pixels of the images to which the ranges above apply."""


def holes(
    key: Array,
    images: Array,
    fill: float | Array = 0.0,
    strokes: tuple[int, int] = (0, 10),
    rectangles: tuple[int, int] = (0, 3),
) -> tuple[Array, Array]:
    """Fills irregular holes with a constant, and returns the images and the mask of the holes; see `hole_mask`.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      fill: value of the pixels in a hole, one or float[batch].
      strokes: (fewest, most) of an image; static.
      rectangles: (fewest, most) of an image; static.
    Returns:
      (float[batch, height, width, channel] in the images' dtype, float32[batch, height, width, 1]: 1 is missing).
    Raises:
      ValueError: if fewest exceeds most, or the number of fills is neither 1 nor the batch size.
    """
    images = gray_or_color(images)
    count, height, width, _ = images.shape
    fill = per_image_values("fill", fill, count).astype(images.dtype)
    overlays.max_count("strokes", strokes)
    overlays.max_count("rectangles", rectangles)
    draw = partial(hole_mask, height=height, width=width, strokes=strokes, rectangles=rectangles)
    mask = jax.vmap(draw)(keys.per_example(key, count))
    return jnp.where(mask > 0, fill[:, None, None, None], images), mask


def random_gray_holes(keys: Array, images: Array) -> tuple[Array, Array]:
    """Returns images with holes of one gray, random for each image, and the mask of the holes."""
    gray, draw = split_keys(keys, len(images), 2)
    return holes(draw, images, uniform(gray, len(images)))


def benchmark_holes(keys: Array, images: Array) -> tuple[Array, Array]:
    """Returns images with at least one stroke cut out of each, holes of one random gray, and the mask."""
    draw, gray = split_keys(keys, len(images), 2)
    return holes(draw, images, uniform(gray, len(images)), (1, 10), (0, 3))


register(
    holes,
    "irregular strokes and rectangles of one gray",
    returns="opacity",
    sample=lambda keys, images, hyper: random_gray_holes(keys, images),
    benchmark=Benchmark(
        "holes filled with one gray: 1 to 10 strokes 5 to 24 pixels wide, 0 to 3 rectangles", benchmark_holes
    ),
)


def hole_mask(
    key: Array, height: int, width: int, strokes: tuple[int, int] = (0, 10), rectangles: tuple[int, int] = (0, 3)
) -> Array:
    """Draws the mask of the holes of one image: strokes of 1–5 segments with round ends, and axis-parallel rectangles.

    On images of 256 pixels and more a segment is 10–69 pixels long and 5–24 wide, and a rectangle's sides are 30–99; on
    smaller images all lengths shrink with the shorter side. A segment's direction differs from its stroke's by up to 2
    radians. A stroke may leave the image. With both ranges from 0 one mask in 44 is empty.

    Args:
      key: one key.
      height: in pixels.
      width: in pixels.
      strokes: (fewest, most); static.
      rectangles: (fewest, most); static.
    Returns:
      float32[height, width, 1], 1 in a hole, else 0.
    Raises:
      ValueError: if fewest exceeds most.
    Reference: Suvorov et al. 2022 (LaMa), for the ranges.
    """
    scale = min(1.0, min(height, width) / SIZE)
    y, x = jnp.arange(height, dtype=jnp.float32)[:, None], jnp.arange(width, dtype=jnp.float32)
    for_strokes, for_rectangles = jax.random.split(key)

    def add_segment(mask: Array, segment: tuple[Array, ...]) -> tuple[Array, None]:
        first, last, radius = segment
        return mask | (polylines.segment_distance(y, x, first, last)[0] <= radius), None

    def add_rectangle(mask: Array, corners: tuple[Array, Array]) -> tuple[Array, None]:
        (top, left), (bottom, right) = corners
        return mask | ((y >= top) & (y < bottom) & (x >= left) & (x < right)), None

    mask = jnp.zeros((height, width), bool)
    mask, _ = lax.scan(add_segment, mask, draw_strokes(for_strokes, strokes, scale, (height, width)), unroll=SEGMENTS)
    mask, _ = lax.scan(add_rectangle, mask, draw_rectangles(for_rectangles, rectangles, scale, (height, width)))
    return mask.astype(jnp.float32)[..., None]


def draw_strokes(key: Array, count: tuple[int, int], scale: float, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Draws the segments of all strokes: first points, last points, half widths; absent ones have half width −1."""
    most = overlays.max_count("strokes", count)
    for_count, for_segments, for_start, for_angle, for_length, for_width = jax.random.split(key, 6)
    present = jnp.arange(most) < jax.random.randint(for_count, (), count[0], count[1] + 1)
    used = jnp.arange(SEGMENTS) < jax.random.randint(for_segments, (most, 1), 1, SEGMENTS + 1)
    angles = jax.random.uniform(for_angle, (most, SEGMENTS + 1), jnp.float32, -1, 1)
    headings = jnp.pi * angles[:, :1] + TURN * angles[:, 1:]
    lengths = scale * jax.random.randint(for_length, (most, SEGMENTS), LENGTH[0], LENGTH[1] + 1)
    radius = scale / 2 * jax.random.randint(for_width, (most, 1), WIDTH[0], WIDTH[1] + 1)
    starts = jax.random.uniform(for_start, (most, 2), jnp.float32) * jnp.array(size)
    first, last = jax.vmap(polylines.walk)(starts, headings, lengths)
    return first.reshape(-1, 2), last.reshape(-1, 2), jnp.where(present[:, None] & used, radius, -1.0).ravel()


def draw_rectangles(key: Array, count: tuple[int, int], scale: float, size: tuple[int, int]) -> tuple[Array, Array]:
    """Draws the corners (top, left) and, exclusive, (bottom, right) of all rectangles; absent ones are empty."""
    most = overlays.max_count("rectangles", count)
    for_count, for_corner, for_sides = jax.random.split(key, 3)
    present = jnp.arange(most) < jax.random.randint(for_count, (), count[0], count[1] + 1)
    sides = jnp.round(scale * jax.random.randint(for_sides, (most, 2), SIDE[0], SIDE[1] + 1))
    room = jnp.array(size) - sides + 1
    first = jnp.floor(jax.random.uniform(for_corner, (most, 2), jnp.float32) * room)
    return first, jnp.where(present[:, None], first + sides, first)
