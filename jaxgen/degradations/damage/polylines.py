"""Polylines: the end points of their segments, and the distance of every pixel from a segment."""

import jax.numpy as jnp
from jax import Array


def walk(start: Array, headings: Array, lengths: Array) -> tuple[Array, Array]:
    """Returns the first and the last points of the segments of a polyline.

    Args:
      start: float32[2], (y, x) in pixels.
      headings: float32[segments], in radians from the x axis towards y.
      lengths: float32[segments], in pixels.
    Returns:
      (float32[segments, 2], float32[segments, 2]).
    """
    steps = lengths[:, None] * jnp.stack([jnp.sin(headings), jnp.cos(headings)], -1)
    ends = start + jnp.cumsum(steps, 0)
    return ends - steps, ends


def segment_distance(y: Array, x: Array, first: Array, last: Array) -> tuple[Array, Array, Array]:
    """Computes the distance of points from one segment, their position along it, and their side.

    Args:
      y: float32[height, 1] or float32[height, width], in pixels.
      x: float32[width] or float32[height, width], in pixels.
      first: float32[2], (y, x).
      last: float32[2], (y, x).
    Returns:
      (distance in pixels, position of the nearest point in [0, 1] from first to last, side: positive to the right of
      the direction), each float32[height, width].
    """
    (top, left), (down, right) = first, last - first
    y, x = y - top, x - left
    along = jnp.clip((y * down + x * right) / jnp.maximum(down**2 + right**2, 1e-12), 0, 1)
    distance = jnp.sqrt((y - along * down) ** 2 + (x - along * right) ** 2)
    return distance, along, y * right - x * down
