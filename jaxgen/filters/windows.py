"""Reflected borders, and reductions over sliding windows."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax


def reflected(images: Array, rows: int, columns: int) -> Array:
    """Pads images for windows of rows × columns pixels.

    The border is reflected without repeating the border pixel (OpenCV's reflect-101, NumPy's "reflect"). A window of
    even size has one pixel more before its center than after it, as in OpenCV.
    """
    before, after = (rows // 2, columns // 2), ((rows - 1) // 2, (columns - 1) // 2)
    return jnp.pad(images, ((0, 0), *zip(before, after, strict=True), (0, 0)), mode="reflect")


def binomial(images: Array, axis: int) -> Array:
    """Filters images by [1, 2, 1] / 4 along an axis, with repeated border pixels."""
    length = images.shape[axis]
    wide = jnp.pad(images, [(1, 1) if i == axis else (0, 0) for i in range(images.ndim)], "edge")
    before, at, after = (lax.slice_in_dim(wide, k, k + length, axis=axis) for k in range(3))
    return (before + 2 * at + after) / 4


def running(values: Any, size: int, axis: int, combine: Callable) -> Any:
    """Reduces every run of `size` neighbors along an axis by `combine`; the axis becomes shorter by `size` − 1.

    Runs of 1, 2, 4 … neighbors are combined from two of half the length, and a run of `size` from those of its binary
    digits: about 2·log₂(size) operations per run, without the cancellation of differences of cumulative sums.

    Args:
      values: a tree of arrays of one shape.
      size: length of a run.
      axis: the axis.
      combine: (first, second, fraction) -> the values of two adjacent runs as one; `fraction` is the second's part of
        the combined length.
    Returns:
      The tree of reduced arrays.
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


def over_windows(values: Any, rows: int, columns: int, combine: Callable) -> Any:
    """Reduces every window of rows × columns pixels inside [batch, h, w, …] by `combine`."""
    return running(running(values, rows, 1, combine), columns, 2, combine)


def sums(values: Array, rows: int, columns: int) -> Array:
    """Computes the sum over every window inside the images."""
    return over_windows(values, rows, columns, lambda first, second, _: first + second)


def minima(values: Array, rows: int, columns: int) -> Array:
    """Computes the minimum over every window inside the images."""
    return over_windows(values, rows, columns, lambda first, second, _: jnp.minimum(first, second))


def means_and_variances(values: Array, rows: int, columns: int) -> tuple[Array, Array]:
    """Computes the mean and the population variance of every window inside the images.

    Runs are merged by their means and variances, which avoids the cancellation of mean square − squared mean: the
    variance of a constant window is exactly 0.

    Reference: Chan, Golub, LeVeque 1983, updating formula.
    """

    def merge(first, second, fraction):
        (mean, variance), (other_mean, other_variance) = first, second
        step = other_mean - mean
        merged = variance + fraction * (other_variance - variance) + fraction * (1 - fraction) * step**2
        return mean + fraction * step, merged

    return over_windows((values, jnp.zeros_like(values)), rows, columns, merge)
