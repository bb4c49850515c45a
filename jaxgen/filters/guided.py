"""The guided filter: an image smoothed where its guide is smooth, its edges where the guide has them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.filters.checks import checked
from jaxgen.filters.windows import reflected, sums


def box(planes: list[Array], radius: int) -> list[Array]:
    """Returns the means of each window of 2·radius + 1 pixels a side, borders reflected, of several images.

    One plane after the other: with the sums of all at once a processor's caches overflow, and it takes 4 times as long.
    """
    size = 2 * radius + 1
    stack = jnp.concatenate(planes, -1)
    batch, height, width, count = stack.shape
    each = jnp.moveaxis(stack, -1, 0).reshape(-1, 1, height, width, 1)
    means = lax.map(lambda plane: sums(reflected(plane, size, size), size, size) / size**2, each)
    stack = jnp.moveaxis(means.reshape(count, batch, height, width), 0, -1)
    return jnp.split(stack, np.cumsum([plane.shape[-1] for plane in planes])[:-1], axis=-1)


def solve(xx: Array, xy: Array, xz: Array, yy: Array, yz: Array, zz: Array, right: list[Array]) -> list[Array]:
    """Returns the solution of symmetric positive definite 3×3 equations, one at each pixel, by elimination.

    Colours are nearly proportional, so that determinants would be small differences of large products.
    """
    x, y, z = right
    xy_share, xz_share = xy / xx, xz / xx
    yy, yz, zz = yy - xy_share * xy, yz - xy_share * xz, zz - xz_share * xz
    y, z = y - xy_share * x, z - xz_share * x
    yz_share = yz / yy
    c = (z - yz_share * y) / (zz - yz_share * yz)
    b = y / yy - yz_share * c
    return [x / xx - xy_share * b - xz_share * c, b, c]


@partial(jax.jit, static_argnames="radius")
def guided(images: Array, guide: Array, radius: int, eps: float | Array) -> Array:
    """Returns the images as locally linear functions of a guide, the best in each window's mean square.

    The windows at the borders are those of a reflected image; the paper cuts them off.

    Args:
      images: float[batch, height, width, channel] in [0, 1], each channel filtered on its own.
      guide: float[batch, height, width, 1 or 3] in [0, 1], grey or colour; the images themselves to smooth them.
      radius: of the windows in pixels; their side is 2·radius + 1.
      eps: variance of the guide, in units of the [0, 1] range squared, under which it counts as smooth. Greater than 0.
    Returns:
      float[batch, height, width, channel].
    Raises:
      ValueError: if the guide's batch, height or width is not the images', it has neither one nor three channels, or
        the radius is less than 1.
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
    # Covariances are small differences of means: they keep more digits around 0.
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
    slopes = [covariance[0] / spread[0]] if len(parts) == 1 else solve(*spread, covariance)
    offset = mean - sum(slope * m for slope, m in zip(slopes, means, strict=True))
    offset, *slopes = box([offset, *slopes], radius)
    return sum(slope * part for slope, part in zip(slopes, parts, strict=True)) + offset + level
