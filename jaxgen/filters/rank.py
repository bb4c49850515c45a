"""Median filter and dilation."""

from collections.abc import Iterator, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.filters.checks import checked, odd
from jaxgen.filters.windows import reflected


def sorting_network(count: int) -> Iterator[tuple[int, int]]:
    """Yields the comparators (low, high) of a network that sorts `count` values.

    Reference: Batcher 1968, merge exchange.
    """
    top = 1 << max(0, (count - 1).bit_length() - 1)
    stride = top
    while stride > 0:
        span, offset, distance = top, 0, stride
        while distance > 0:
            yield from ((i, i + distance) for i in range(count - distance) if i & stride == offset)
            distance, span, offset = span - stride, span // 2, stride
        stride //= 2


def sort_arrays(values: Sequence[Array]) -> list[Array]:
    """Sorts the values at each position across the arrays, in ascending order."""
    values = list(values)
    for low, high in sorting_network(len(values)):
        values[low], values[high] = (jnp.minimum(values[low], values[high]), jnp.maximum(values[low], values[high]))
    return values


@partial(jax.jit, static_argnames="size")
def median(images: Array, size: int) -> Array:
    """Computes the median of each window (OpenCV's medianBlur, except for the border).

    A sorting network sorts the columns of the windows, shared between windows, then the rows of equal rank. Only values
    near the diagonal can be the median; they are sorted too, and the compiler drops exchanges that do not affect the
    middle. On a CPU, 3×3 on 512² pixels takes 1/400 of the time of `jnp.median`. Compile time grows as
    size² · log² size: 1.5 s for 9×9.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: side of the window in pixels, odd.
    Returns:
      float[batch, height, width, channel]; borders are reflected without repeating the border pixel.
    Raises:
      ValueError: if the size is even.
    """
    images, size = checked(images), odd(size)
    height, width = images.shape[1:3]
    padded = reflected(images, size, size)
    columns = sort_arrays([padded[:, i : i + height] for i in range(size)])
    half = size**2 // 2 + 1
    candidates = []
    for i, column in enumerate(columns):
        row = sort_arrays([column[:, :, j : j + width] for j in range(size)])
        # Of size² values, (i + 1)(j + 1) are ≤ this one and (size − i)(size − j) are ≥ it.
        candidates += [value for j, value in enumerate(row) if max((i + 1) * (j + 1), (size - i) * (size - j)) <= half]
    return sort_arrays(candidates)[len(candidates) // 2]


@partial(jax.jit, static_argnames="pixels")
def dilate(images: Array, pixels: int) -> Array:
    """Dilates images, such as masks: the maximum over the square around each pixel.

    Args:
      images: float[batch, height, width, channel].
      pixels: radius of the square; 0: no dilation.
    Returns:
      float[batch, height, width, channel]; pixels outside the image are ignored.
    """
    side = 2 * pixels + 1
    return lax.reduce_window(images, -jnp.inf, lax.max, (1, side, side, 1), (1, 1, 1, 1), "SAME")
