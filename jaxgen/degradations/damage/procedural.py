"""Procedural textures: fractal noise and scattered spots, the basis of depth maps, rust, stains and tears.

Each function draws for one image from one key; use `jax.vmap` over keys for a batch. Sizes are given as a number of
cells along the image's shorter side, so that a texture looks the same at every resolution.
"""

import itertools
import math

import jax
import jax.numpy as jnp
from jax import Array, lax


def value_noise(key: Array, height: int, width: int, cells: float | tuple[float, float]) -> Array:
    """Draws `fractal_noise` of one octave: smooth, standard normal at every pixel, float32[height, width]."""
    return fractal_noise(key, height, width, cells, 1)


def fractal_noise(
    key: Array, height: int, width: int, cells: float | tuple[float, float], octaves: int, persistence: float = 0.5
) -> Array:
    """Draws fractal noise: a weighted sum of smooth Gaussian noises, each twice as fine as the previous one.

    Each octave interpolates a randomly placed lattice of normal numbers by cubic B-splines. The spline weights are
    normalized to unit length, so that every pixel is exactly standard normal and a threshold is a quantile. An octave
    costs two small matrix products, without gathers.

    Args:
      key: one key.
      height: in pixels.
      width: in pixels.
      cells: of the coarsest lattice along the shorter side, one number or (down, across); at most one per pixel.
      octaves: number of octaves.
      persistence: amplitude of each octave relative to the previous one.
    Returns:
      float32[height, width].
    """
    side = min(height, width)
    down, across = cells if isinstance(cells, tuple) else (cells, cells)
    steps = [(min(down * 2**i / side, 1), min(across * 2**i / side, 1)) for i in range(octaves)]
    shapes = [(lattice_size(height, y), lattice_size(width, x)) for y, x in steps]
    ends = list(itertools.accumulate(rows * columns for rows, columns in shapes))
    # One draw for all octaves: compile time grows with the number of draws.
    place, corner = jax.random.split(key)
    normal = jnp.split(jax.random.normal(place, (ends[-1],), jnp.float32), ends[:-1])
    corners = jax.random.uniform(corner, (octaves, 2), jnp.float32)
    total = jnp.zeros((height, width), jnp.float32)
    for i, (nodes, shape, (y, x)) in enumerate(zip(normal, shapes, steps, strict=True)):
        weights = spline_weights(corners[i, 0], height, y), spline_weights(corners[i, 1], width, x)
        total += persistence**i * separable_product(weights[0], nodes.reshape(shape), weights[1])
    return total / math.sqrt(sum(persistence ** (2 * i) for i in range(octaves)))


def lattice_size(length: int, step: float) -> int:
    """Returns the number of lattice nodes whose splines cover points `step` cells apart, for any offset."""
    return math.ceil(length * step) + 5


def spline_weights(corner: Array, length: int, step: float) -> Array:
    """Computes cubic B-spline weights at points `step` cells apart, float32[length, nodes], rows of unit length."""
    points = jnp.arange(length, dtype=jnp.float32) * step + corner
    distance = abs(points[:, None] + 1 - jnp.arange(lattice_size(length, step), dtype=jnp.float32))
    weights = jnp.maximum(2 - distance, 0) ** 3 - 4 * jnp.maximum(1 - distance, 0) ** 3
    # The norm is computed from the four nonzero weights, not by a sum over all nodes: the CPU compiler of jaxlib 0.12
    # fuses such a sum by YNNPACK, which gave NaN in large programs.
    t = (points - jnp.floor(points))[:, None]
    four = (1 - t) ** 3, (2 - t) ** 3 - 4 * (1 - t) ** 3, (1 + t) ** 3 - 4 * t**3, t**3
    return weights / jnp.sqrt(sum(weight**2 for weight in four))


def separable_product(rows: Array, nodes: Array, columns: Array) -> Array:
    """Computes rows · nodes · columnsᵀ in full precision, which is not the default on accelerators."""
    return jnp.einsum("yi,ij,xj->yx", rows, nodes, columns, precision=lax.Precision.HIGHEST)


def above_quantile(field: Array, coverage: Array) -> Array:
    """Computes the height of a field above the threshold that a fraction `coverage` of it exceeds.

    The positive part forms blobs that grow monotonically with the coverage.

    Args:
      field: float32[height, width], approximately normal.
      coverage: float32[] in [0, 1]; 0: nothing is positive; 1: everything is.
    Returns:
      float32[height, width], in standard deviations.
    """
    field = (field - field.mean()) / jnp.maximum(field.std(), 1e-6)
    return field + jax.scipy.special.ndtri(jnp.clip(coverage, 1e-9, 1 - 1e-7))


def spots(key: Array, height: int, width: int, cells: float, density: Array, radius: tuple[float, float]) -> Array:
    """Draws scattered cones: 1 at a spot's center, 0 at its radius; the maximum where spots overlap.

    Each cell of a lattice contains at most one spot, so that only nine cells affect a pixel.

    Args:
      key: one key.
      height: in pixels.
      width: in pixels.
      cells: of the lattice along the shorter side.
      density: float32[], fraction of the cells with a spot; spots persist as the density grows.
      radius: (smallest, largest) in cells, at most 1; log-uniform.
    Returns:
      float32[height, width] in [0, 1].
    Raises:
      ValueError: if a radius exceeds one cell: more than nine cells would affect a pixel.
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
            # A product with one-hot vectors is faster than a gather.
            rows, columns = (
                jax.nn.one_hot(i, n, dtype=jnp.float32) for i, n in zip((row + dy, column + dx), grid, strict=True)
            )
            down, right, radius_ = (
                separable_product(rows, one, columns) for one in (center[..., 0], center[..., 1], size)
            )
            down, right = down + (row + dy - 1 - y)[:, None], right + (column + dx - 1 - x)
            cone = 1 - jnp.sqrt(down**2 + right**2) / jnp.maximum(radius_, 1e-6)
            highest = jnp.maximum(highest, jnp.where(radius_ > 0, cone, 0))
    return highest
