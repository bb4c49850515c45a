"""The guided filter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.filters.checks import checked
from jaxgen.filters.windows import reflected, sums


def box(planes: list[Array], radius: int) -> list[Array]:
    """Computes the means over windows of 2·radius + 1 pixels a side, with reflected borders, of several images.

    One plane after the other: all at once exceed a processor's caches and take 4 times as long.
    """
    size = 2 * radius + 1
    stack = jnp.concatenate(planes, -1)
    batch, height, width, count = stack.shape
    each = jnp.moveaxis(stack, -1, 0).reshape(-1, 1, height, width, 1)
    means = lax.map(lambda plane: sums(reflected(plane, size, size), size, size) / size**2, each)
    stack = jnp.moveaxis(means.reshape(count, batch, height, width), 0, -1)
    return jnp.split(stack, np.cumsum([plane.shape[-1] for plane in planes])[:-1], axis=-1)


def solve(matrix: list[Array], right: list[Array]) -> list[Array]:
    """Solves a symmetric positive definite 3×3 system at each pixel by elimination.

    Determinants would lose precision: color channels are strongly correlated.
    """
    (xx, xy, xz, yy, yz, zz), (x, y, z) = matrix, right
    xy_ratio, xz_ratio = xy / xx, xz / xx
    yy, yz, zz = yy - xy_ratio * xy, yz - xy_ratio * xz, zz - xz_ratio * xz
    y, z = y - xy_ratio * x, z - xz_ratio * x
    yz_ratio = yz / yy
    c = (z - yz_ratio * y) / (zz - yz_ratio * yz)
    b = y / yy - yz_ratio * c
    return [x / xx - xy_ratio * b - xz_ratio * c, b, c]


@partial(jax.jit, static_argnames="radius")
def guided(images: Array, guide: Array, radius: int, eps: float | Array) -> Array:
    """Filters images by locally linear functions of a guide, the least-squares fit in each window.

    Borders are reflected; the paper truncates the windows there.

    Args:
      images: float[batch, height, width, channel] in [0, 1]; channels are filtered independently.
      guide: float[batch, height, width, 1 or 3] in [0, 1], gray or color; the images themselves for smoothing.
      radius: of the windows in pixels; their side is 2·radius + 1.
      eps: regularization, above 0: regions whose variance (in the [0, 1] range squared) is below it are smoothed.
    Returns:
      float[batch, height, width, channel].
    Raises:
      ValueError: if the guide's batch, height or width differs, its channels are neither 1 nor 3, or the radius is
        below 1.
    Reference: He, Sun, Tang 2010.
    """
    images, guide = checked(images), checked(guide)
    if guide.shape[:3] != images.shape[:3] or guide.shape[3] not in (1, 3):
        raise ValueError(
            f"a guide of shape {guide.shape} for images of shape {images.shape}: "
            "give one of their batch, height and width, with one channel or three"
        )
    if radius < 1:
        raise ValueError(f"a radius of {radius} pixels: give 1 or more")
    # Centered values avoid cancellation in the covariances.
    centre, level = guide.mean((1, 2), keepdims=True), images.mean((1, 2), keepdims=True)
    parts = jnp.split(guide - centre, guide.shape[3], axis=3)
    image = images - level
    pairs = [(i, j) for i in range(len(parts)) for j in range(i, len(parts))]
    mean, *averages = box(
        [image, *parts, *(part * image for part in parts), *(parts[i] * parts[j] for i, j in pairs)], radius
    )
    means, products, squares = averages[: len(parts)], averages[len(parts) : 2 * len(parts)], averages[2 * len(parts) :]
    covariance = [product - m * mean for product, m in zip(products, means, strict=True)]
    spread = [
        square - means[i] * means[j] + (eps if i == j else 0) for square, (i, j) in zip(squares, pairs, strict=True)
    ]
    slopes = [covariance[0] / spread[0]] if len(parts) == 1 else solve(spread, covariance)
    offset = mean - sum(slope * m for slope, m in zip(slopes, means, strict=True))
    offset, *slopes = box([offset, *slopes], radius)
    return sum(slope * part for slope, part in zip(slopes, parts, strict=True)) + offset + level
