"""Borders of images, and one value for every window."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax


def reflected(images: Array, rows: int, columns: int) -> Array:
    """Returns the images with what a window of rows × columns pixels needs around them.

    The border mirrors the image without repeating its outermost pixels (OpenCV's reflect-101, NumPy's "reflect"). A
    window of even size has one pixel more before its centre than after it, as OpenCV's.
    """
    before, after = (rows // 2, columns // 2), ((rows - 1) // 2, (columns - 1) // 2)
    return jnp.pad(images, ((0, 0), *zip(before, after, strict=True), (0, 0)), mode="reflect")


def binomial(images: Array, axis: int) -> Array:
    """Returns the images filtered by [1, 2, 1] / 4 along an axis, the outermost pixels repeated beyond the border."""
    length = images.shape[axis]
    wide = jnp.pad(images, [(1, 1) if i == axis else (0, 0) for i in range(images.ndim)], "edge")
    before, at, after = (lax.slice_in_dim(wide, k, k + length, axis=axis) for k in range(3))
    return (before + 2 * at + after) / 4


def running(values, size: int, axis: int, combine: Callable):
    """Returns what `combine` makes of every run of neighbours along an axis, `size` − 1 fewer than there were.

    Runs of 1, 2, 4 … neighbours are made from two of half the length, and a run of `size` from those of its binary
    digits: about 2·log₂(size) operations for each, and no loss of digits as in differences of cumulative sums.

    Args:
      values: arrays of one shape, in any tree.
      size: neighbours in a run.
      axis: along which they lie.
      combine: (first, second, share) -> values of two adjoining runs as one; `share` is the second's part of them.
    Returns:
      the tree of arrays.
    """
    leaves = jax.tree.leaves(values)
    count = leaves[0].shape[axis] - size + 1

    def part(tree, start, length):
        return jax.tree.map(lambda x: lax.slice_in_dim(x, start, start + length, axis=axis), tree)

    result, done, width = None, 0, 1
    while True:
        if size & width:
            piece = part(values, done, count)
            result = piece if result is None else combine(result, piece, width / (done + width))
            done += width
        if 2 * width > size:
            return result
        rest = jax.tree.leaves(values)[0].shape[axis] - width
        values = combine(part(values, 0, rest), part(values, width, rest), 0.5)
        width *= 2


def over_windows(values, rows: int, columns: int, combine: Callable):
    """Returns what `combine` makes of every window of rows × columns pixels that lies inside [batch, h, w, …]."""
    return running(running(values, rows, 1, combine), columns, 2, combine)


def sums(values: Array, rows: int, columns: int) -> Array:
    """Returns the sum over every window that lies inside."""
    return over_windows(values, rows, columns, lambda first, second, _: first + second)


def minima(values: Array, rows: int, columns: int) -> Array:
    """Returns the least value of every window that lies inside."""
    return over_windows(values, rows, columns, lambda first, second, _: jnp.minimum(first, second))


def means_and_variances(values: Array, rows: int, columns: int) -> tuple[Array, Array]:
    """Returns mean and population variance of every window that lies inside.

    Runs are merged by their means and variances, which keeps the digits that mean square − squared mean loses: the
    variance of a flat window is exactly 0.

    Reference: Chan, Golub, LeVeque 1983, updating formula.
    """

    def merge(first, second, share):
        (mean, variance), (other_mean, other_variance) = first, second
        step = other_mean - mean
        merged = variance + share * (other_variance - variance) + share * (1 - share) * step**2
        return mean + share * step, merged

    return over_windows((values, jnp.zeros_like(values)), rows, columns, merge)
