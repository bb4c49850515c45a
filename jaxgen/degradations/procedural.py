"""Random fields: noise of many scales and scattered spots, of which depth, rust, stains and torn edges are made.

Everything here draws for one picture from one key; `jax.vmap` over keys draws for a batch. Sizes are given as a number
of cells along the picture's shorter side, so that a pattern looks the same at every resolution.
"""

import itertools
import math

import jax
import jax.numpy as jnp
from jax import Array, lax


def value_noise(key: Array, height: int, width: int, cells: float | tuple[float, float]) -> Array:
    """Returns `fractal_noise` of one octave: smooth, standard normal at every pixel, float32[height, width]."""
    return fractal_noise(key, height, width, cells, 1)


def fractal_noise(
    key: Array, height: int, width: int, cells: float | tuple[float, float], octaves: int, persistence: float = 0.5
) -> Array:
    """Returns the weighted sum of smooth Gaussian noises, each twice as fine as the one before.

    Each is made of cubic B-splines over a randomly placed lattice of normal numbers. The splines' weights are brought
    to unit length, so that every pixel's marginal is exactly standard normal and a threshold is a quantile. Two small
    matrix products an octave, no gathering.

    Args:
      key: one key.
      height: in pixels.
      width: in pixels.
      cells: of the coarsest lattice along the shorter side, one number or (down, across); none is finer than pixels.
      octaves: how many.
      persistence: amplitude of each octave relative to the one before.
    Returns:
      float32[height, width].
    """
    side = min(height, width)
    down, across = cells if isinstance(cells, tuple) else (cells, cells)
    steps = [(min(down * 2**i / side, 1), min(across * 2**i / side, 1)) for i in range(octaves)]
    shapes = [(lattice(height, y), lattice(width, x)) for y, x in steps]
    ends = list(itertools.accumulate(rows * columns for rows, columns in shapes))
    # One draw for all octaves: a compiler's time goes by the number of draws.
    place, corner = jax.random.split(key)
    normal = jnp.split(jax.random.normal(place, (ends[-1],), jnp.float32), ends[:-1])
    corners = jax.random.uniform(corner, (octaves, 2), jnp.float32)
    total = jnp.zeros((height, width), jnp.float32)
    for i, (nodes, shape, (y, x)) in enumerate(zip(normal, shapes, steps, strict=True)):
        weights = spline_weights(corners[i, 0], height, y), spline_weights(corners[i, 1], width, x)
        total += persistence**i * between_nodes(weights[0], nodes.reshape(shape), weights[1])
    return total / math.sqrt(sum(persistence ** (2 * i) for i in range(octaves)))


def lattice(length: int, step: float) -> int:
    """Returns how many nodes have a spline in reach of points `step` cells apart, wherever they begin."""
    return math.ceil(length * step) + 5


def spline_weights(corner: Array, length: int, step: float) -> Array:
    """Returns the weights of cubic B-splines at points `step` cells apart, float32[length, nodes], unit rows."""
    points = jnp.arange(length, dtype=jnp.float32) * step + corner
    distance = abs(points[:, None] + 1 - jnp.arange(lattice(length, step), dtype=jnp.float32))
    weights = jnp.maximum(2 - distance, 0) ** 3 - 4 * jnp.maximum(1 - distance, 0) ** 3
    # Their length is that of the four that are not 0, and no sum over all nodes: the CPU compiler of jaxlib 0.12 hands
    # such a sum with what makes its terms to YNNPACK, and a large program of many of them came out as NaN.
    t = (points - jnp.floor(points))[:, None]
    four = (1 - t) ** 3, (2 - t) ** 3 - 4 * (1 - t) ** 3, (1 + t) ** 3 - 4 * t**3, t**3
    return weights / jnp.sqrt(sum(weight**2 for weight in four))


def between_nodes(rows: Array, nodes: Array, columns: Array) -> Array:
    """Returns rows · nodes · columnsᵀ in full precision, which an accelerator would not give by itself."""
    return jnp.einsum("yi,ij,xj->yx", rows, nodes, columns, precision=lax.Precision.HIGHEST)


def rise_above(field: Array, coverage: Array) -> Array:
    """Returns how far a field stands above the level that about `coverage` of it exceeds, in standard deviations.

    Where it is above 0 there are blobs. They grow from the field's summits with the coverage, and none ever shrinks.

    Args:
      field: float32[height, width], near normal.
      coverage: float32[], in [0, 1]; at 0 nothing rises above and at 1 everything.
    Returns:
      float32[height, width].
    """
    field = (field - field.mean()) / jnp.maximum(field.std(), 1e-6)
    return field + jax.scipy.special.ndtri(jnp.clip(coverage, 1e-9, 1 - 1e-7))


def spots(key: Array, height: int, width: int, cells: float, density: Array, radius: tuple[float, float]) -> Array:
    """Returns scattered cones: 1 at a spot's centre, falling to 0 at its radius; the highest where they meet.

    One spot at most lies in each cell of a lattice, anywhere in it, so that a pixel need ask nine cells.

    Args:
      key: one key.
      height: in pixels.
      width: in pixels.
      cells: of the lattice along the shorter side.
      density: float32[], the share of cells that hold a spot; more keep those that were there.
      radius: (smallest, largest) in cells, at most 1; small ones are as frequent in area as large ones.
    Returns:
      float32[height, width] in [0, 1].
    Raises:
      ValueError: if a radius exceeds a cell: the nine cells would not hold every spot in reach.
    Reference: Worley 1996, section 3, for the search in the neighbouring cells.
    """
    if not 0 < radius[0] <= radius[1] <= 1:
        raise ValueError(f"radius = {radius}: give (smallest, largest), above 0 and at most one cell")
    step = cells / min(height, width)
    y, x = (jnp.arange(n, dtype=jnp.float32) * step for n in (height, width))
    row, column = y.astype(int), x.astype(int)
    grid = (int((height - 1) * step) + 3, int((width - 1) * step) + 3)
    center, presence, size = (
        jax.random.uniform(k, (*grid, n), jnp.float32) for k, n in zip(jax.random.split(key, 3), (2, 1, 1), strict=True)
    )
    size = radius[0] * (radius[1] / radius[0]) ** size
    size = jnp.where(presence[..., 0] < density, size[..., 0], 0)
    highest = jnp.zeros((height, width), jnp.float32)
    for dy in range(3):
        for dx in range(3):
            # Each pixel's cell as a product with ones and zeros: faster than gathering.
            rows, columns = (
                jax.nn.one_hot(i, n, dtype=jnp.float32) for i, n in zip((row + dy, column + dx), grid, strict=True)
            )
            down, right, reach = (between_nodes(rows, one, columns) for one in (center[..., 0], center[..., 1], size))
            down, right = down + (row + dy - 1 - y)[:, None], right + (column + dx - 1 - x)
            cone = 1 - jnp.sqrt(down**2 + right**2) / jnp.maximum(reach, 1e-6)
            highest = jnp.maximum(highest, jnp.where(reach > 0, cone, 0))
    return highest
