"""Edges as thin lines, by Canny's method."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import unknown
from jaxgen.filters.checks import checked, per_image

# Fractions of a grey level that are told apart. Sums of such values have no rounding in float32, so what is equal in
# the integer arithmetic of 8-bit pictures is equal here.
STEPS = 256
TANGENT = 13573 / 2**15  # OpenCV's tan 22.5°


def neighbour(x: Array, row: int, column: int) -> Array:
    """Returns the value at an offset of one pixel at most from each that is not at the border."""
    height, width = x.shape[1:3]
    return x[:, 1 + row : height - 1 + row, 1 + column : width - 1 + column]


def around(x: Array, mode: str) -> Array:
    """Returns the images with one pixel around them: 0 ("constant") or the outermost again ("edge")."""
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)


def sobel(images: Array) -> tuple[Array, Array]:
    """Returns the derivatives along columns and along rows, by Sobel's kernels, whose weights sum to 8 in magnitude."""
    x = around(images, "edge")
    along = lambda a, b, c: neighbour(x, *a) + 2 * neighbour(x, *b) + neighbour(x, *c)
    across = along((-1, 1), (0, 1), (1, 1)) - along((-1, -1), (0, -1), (1, -1))
    down = along((1, -1), (1, 0), (1, 1)) - along((-1, -1), (-1, 0), (-1, 1))
    return across, down


def thin(across: Array, down: Array, magnitude: Array) -> Array:
    """Returns where the magnitude is a maximum along the gradient, in four directions; outside the image it is 0.

    Of two equal neighbours along a row or a column the one with the larger index is kept, as in OpenCV.
    """
    m = around(magnitude, "constant")
    x, y = abs(across), abs(down)
    level = (magnitude > neighbour(m, 0, -1)) & (magnitude >= neighbour(m, 0, 1))
    upright = (magnitude > neighbour(m, -1, 0)) & (magnitude >= neighbour(m, 1, 0))
    falling = (magnitude > neighbour(m, -1, -1)) & (magnitude > neighbour(m, 1, 1))
    rising = (magnitude > neighbour(m, -1, 1)) & (magnitude > neighbour(m, 1, -1))
    oblique = jnp.where(across * down < 0, rising, falling)
    return jnp.where(y < TANGENT * x, level, jnp.where(y > (TANGENT + 2) * x, upright, oblique))


def dilated(x: Array) -> Array:
    """Returns whether any of the 3×3 pixels around each is set."""
    x = around(x, "constant")
    rows = x[:, :-2] | x[:, 1:-1] | x[:, 2:]
    return rows[:, :, :-2] | rows[:, :, 1:-1] | rows[:, :, 2:]


def connected(strong: Array, weak: Array) -> Array:
    """Returns the strong pixels and those weak ones that touch them through weak ones, by sides or corners."""

    def grow(state):
        edges, _ = state
        grown = dilated(edges) & weak
        return grown, (grown != edges).any()

    return lax.while_loop(lambda state: state[1], grow, (strong & weak, jnp.array(True)))[0]


@partial(jax.jit, static_argnames="norm")
def canny(images: Array, low: float | Array = 100 / 255, high: float | Array = 200 / 255, norm: str = "l1") -> Array:
    """Returns the edges: the ridges of the gradient above `high`, and those above `low` that continue them.

    Equal to OpenCV's Canny with its aperture of 3 on 8-bit pictures: Sobel's unnormalised kernels, the outermost pixels
    repeated at the borders, thresholds that must be exceeded, and of several channels the one with the largest
    gradient at each pixel. OpenCV's thresholds of 100 and 200 are 100/255 and 200/255. Values are rounded to 1/256 of a
    grey level. The picture is not smoothed first; `gaussian` does that.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      low: threshold of the gradient's magnitude for pixels that continue an edge, one or float[batch].
      high: threshold of the gradient's magnitude for pixels that begin one, one or float[batch].
      norm: "l1", |across| + |down|, or "l2", the Euclidean magnitude.
    Returns:
      float[batch, height, width, 1]: 1 on edges, 0 elsewhere.
    Raises:
      UsageError: if the norm is neither.
      ValueError: if there is not one threshold or one for each image.
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
    ridge = thin(across, down, magnitude)
    weak = ridge & (magnitude > low)
    return connected(magnitude > high, weak).astype(images.dtype)
