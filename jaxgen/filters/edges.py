"""Canny edge detection."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import unknown
from jaxgen.filters.checks import checked, per_image

STEPS = 256
"""Quantization steps per grey level: sums are then exact in float32, and ties are those of integer arithmetic."""
TANGENT = 13573 / 2**15  # OpenCV's tan 22.5°


def neighbor(x: Array, row: int, column: int) -> Array:
    """Returns the values at an offset of at most one pixel from each interior pixel."""
    height, width = x.shape[1:3]
    return x[:, 1 + row : height - 1 + row, 1 + column : width - 1 + column]


def pad_one(x: Array, mode: str) -> Array:
    """Pads images by one pixel: 0 ("constant") or the border pixel ("edge")."""
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)


def sobel(images: Array) -> tuple[Array, Array]:
    """Computes the horizontal and vertical derivatives by Sobel's unnormalized kernels."""
    x = pad_one(images, "edge")
    along = lambda a, b, c: neighbor(x, *a) + 2 * neighbor(x, *b) + neighbor(x, *c)
    across = along((-1, 1), (0, 1), (1, 1)) - along((-1, -1), (0, -1), (1, -1))
    down = along((1, -1), (1, 0), (1, 1)) - along((-1, -1), (-1, 0), (-1, 1))
    return across, down


def suppress_non_maxima(across: Array, down: Array, magnitude: Array) -> Array:
    """Returns whether the magnitude is a maximum along the gradient, in four directions.

    Of two equal neighbors along a row or a column the one with the larger index is the maximum, as in OpenCV.
    """
    m = pad_one(magnitude, "constant")
    x, y = abs(across), abs(down)
    level = (magnitude > neighbor(m, 0, -1)) & (magnitude >= neighbor(m, 0, 1))
    upright = (magnitude > neighbor(m, -1, 0)) & (magnitude >= neighbor(m, 1, 0))
    falling = (magnitude > neighbor(m, -1, -1)) & (magnitude > neighbor(m, 1, 1))
    rising = (magnitude > neighbor(m, -1, 1)) & (magnitude > neighbor(m, 1, -1))
    oblique = jnp.where(across * down < 0, rising, falling)
    return jnp.where(y < TANGENT * x, level, jnp.where(y > (TANGENT + 2) * x, upright, oblique))


def dilated(x: Array) -> Array:
    """Dilates a binary image by a 3×3 square."""
    x = pad_one(x, "constant")
    rows = x[:, :-2] | x[:, 1:-1] | x[:, 2:]
    return rows[:, :, :-2] | rows[:, :, 1:-1] | rows[:, :, 2:]


def hysteresis(strong: Array, weak: Array) -> Array:
    """Returns the strong pixels and the weak pixels connected to them (8-connectivity)."""

    def grow(state):
        edges, _ = state
        grown = dilated(edges) & weak
        return grown, (grown != edges).any()

    return lax.while_loop(lambda state: state[1], grow, (strong & weak, jnp.array(True)))[0]


@partial(jax.jit, static_argnames="norm")
def canny(images: Array, low: float | Array = 100 / 255, high: float | Array = 200 / 255, norm: str = "l1") -> Array:
    """Detects edges: local maxima of the gradient above `high`, and those above `low` that are connected to them.

    Equals OpenCV's Canny with an aperture of 3 on 8-bit images: Sobel's unnormalized kernels, repeated border pixels,
    strict thresholds, and at each pixel the channel with the largest gradient. OpenCV's thresholds 100 and 200 are
    100/255 and 200/255 here. Values are rounded to 1/256 of a grey level. The image is not smoothed; use `gaussian`.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      low: lower hysteresis threshold of the gradient's magnitude, one or float[batch].
      high: upper hysteresis threshold, one or float[batch].
      norm: "l1", |across| + |down|, or "l2", the Euclidean magnitude.
    Returns:
      float[batch, height, width, 1]: 1 on edges, 0 elsewhere.
    Raises:
      UsageError: if the norm is neither.
      ValueError: if the number of thresholds is neither 1 nor the batch size.
    Reference: Canny 1986.
    """
    if norm not in ("l1", "l2"):
        raise unknown("norm", norm, ("l1", "l2"))
    images = checked(images)
    grey_levels = lambda x: jnp.round(x * 255 * STEPS) / STEPS
    low, high = (grey_levels(per_image(name, threshold, images)) for name, threshold in (("low", low), ("high", high)))
    across, down = sobel(grey_levels(images))
    magnitude = abs(across) + abs(down) if norm == "l1" else across**2 + down**2
    if norm == "l2":
        low, high = low * abs(low), high * abs(high)
    largest = magnitude.argmax(-1, keepdims=True)
    across, down, magnitude = (jnp.take_along_axis(x, largest, -1) for x in (across, down, magnitude))
    ridge = suppress_non_maxima(across, down, magnitude)
    weak = ridge & (magnitude > low)
    return hysteresis(magnitude > high, weak).astype(images.dtype)
