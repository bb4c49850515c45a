"""Images brought to another size, one product with a matrix along each axis, as MATLAB's imresize does it.

The matrices are made in NumPy from the sizes alone. `jaxgen.data.resample` does the like for stored uint8 images, on
the host, and weighs the border otherwise.
"""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.parameters import floating
from jaxgen.errors import unknown
from jaxgen.sampling import cubic, linear

KERNELS = {"bicubic": (cubic, 2.0), "bilinear": (linear, 1.0)}
METHODS = (*KERNELS, "area", "nearest")
REACH = 2  # of the cubic kernel, in pixels


# A matrix for each size met: as many as a training has, without end for pictures of any size.
@functools.lru_cache(32)
def matrix(length: int, target: int, scale: float, method: str, antialias: bool) -> np.ndarray:
    """Returns what share each sample of a line has in each new one.

    Args:
      length: samples there are.
      target: samples wanted.
      scale: old samples for each new one; length / target, except where a size was rounded.
      method: one of METHODS.
      antialias: whether the kernel is widened by the scale where a line shrinks.
    Returns:
      float64[target, length], each row adding up to 1.
    """
    start = np.arange(target)[:, None] * scale
    centre = start + scale / 2 - 0.5
    if method == "nearest":
        taps, weights = np.floor(centre + 0.5), np.ones((target, 1))
    elif method == "area":
        taps = np.floor(start) + np.arange(math.ceil(scale) + 1)
        weights = np.clip(np.minimum(taps + 1, start + scale) - np.maximum(taps, start), 0, None)
        # An overlap that is only the round-off of the products above.
        weights = np.where(weights < 1e-9, 0, weights)
    else:
        kernel, support = KERNELS[method]
        width = max(scale, 1.0) if antialias else 1.0
        taps = np.floor(centre - support * width) + np.arange(math.ceil(2 * support * width) + 2)
        weights = kernel((taps - centre) / width)
    # Beyond its ends the line goes on mirrored, the last sample twice: 0 1 2 2 1 0 0 1 …
    taps = taps.astype(int) % (2 * length)
    taps = np.minimum(taps, 2 * length - 1 - taps)
    shares = np.zeros((target, length))
    np.add.at(shares, (np.arange(target)[:, None], taps), weights / weights.sum(1, keepdims=True))
    return shares


def resample(images: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
    """Returns the images multiplied by one matrix along their height and by one along their width.

    Args:
      images: float[batch, h, w, channel].
      rows: float[height, h].
      columns: float[width, w].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    """
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    # An accelerator's default precision leaves 10 bits or fewer, worse than 8-bit pixels.
    product = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)
    x = product("Hh,bhwc->bHwc", rows.astype(dtype), images.astype(dtype))
    return product("Ww,bHwc->bHWc", columns.astype(dtype), x).astype(images.dtype)


def resize(images: Array, height: int, width: int, method: str = "bicubic", antialias: bool = True) -> Array:
    """Returns the images in another size, the corners of the pixel grids on each other; not clipped.

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      height: in pixels.
      width: in pixels.
      method: bicubic (a = −1/2), bilinear, area (each new pixel the mean of what it covers) or nearest.
      antialias: whether bicubic and bilinear kernels are widened where the images shrink, as MATLAB does and OpenCV
        does not; the other methods have no kernel.
    Returns:
      float[batch, height, width, channel], in the images' dtype; bicubic may leave [0, 1].
    Raises:
      UsageError: if there is no such method.
      ValueError: if a side is not at least 1 pixel.
    """
    images = floating(images)
    if method not in METHODS:
        raise unknown("resampling method", method, METHODS)
    if min(height, width) < 1:
        raise ValueError(f"a size of {height}×{width}: give at least 1×1 pixels")
    h, w = images.shape[1:3]
    rows, columns = (matrix(n, m, n / m, method, antialias) for n, m in ((h, height), (w, width)))
    return resample(images, rows, columns)


def downsample(images: Array, scale: float) -> Array:
    """Returns the images made smaller by the antialiased bicubic that super-resolution is measured on; not clipped.

    It is MATLAB's imresize(image, 1 / scale). The published tables crop to a multiple of the scale before, clip to
    [0, 1] and round to 8 bits after it.

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      scale: at least 1, such as 4.
    Returns:
      float[batch, ⌈h / scale⌉, ⌈w / scale⌉, channel], in the images' dtype; values may leave [0, 1] beside edges.
    Raises:
      ValueError: if the scale is below 1.
    """
    if scale < 1:
        raise ValueError(f"a scale of {scale}: give 1 or more, or use upsample")
    images = floating(images)
    return resample(images, *(matrix(n, math.ceil(n / scale), scale, "bicubic", True) for n in images.shape[1:3]))


def upsample(images: Array, scale: float) -> Array:
    """Returns the images made larger by bicubic interpolation; not clipped.

    It is MATLAB's imresize(image, scale).

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      scale: at least 1, such as 4.
    Returns:
      float[batch, ⌈h · scale⌉, ⌈w · scale⌉, channel], in the images' dtype; values may leave [0, 1] beside edges.
    Raises:
      ValueError: if the scale is below 1.
    """
    if scale < 1:
        raise ValueError(f"a scale of {scale}: give 1 or more, or use downsample")
    images = floating(images)
    if scale == int(scale):
        return magnify(images, int(scale))
    return resample(images, *(matrix(n, math.ceil(n * scale), 1 / scale, "bicubic", True) for n in images.shape[1:3]))


def magnify(images: Array, scale: int) -> Array:
    """Returns what `upsample` does for a whole factor, by sums of shifted images: the cost of a pixel is the same in
    images of any size.

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      scale: at least 1.
    Returns:
      float[batch, h · scale, w · scale, channel], in the images' dtype; values may leave [0, 1] beside edges.
    """
    # Of each new pixel in an old one: its place relative to that one's centre, and the shares of five old pixels.
    place = (np.arange(scale) + 0.5) / scale - 0.5
    shares = cubic(np.arange(-REACH, REACH + 1) - place[:, None])
    x = images.astype(jnp.promote_types(images.dtype, jnp.float32))
    for axis in (1, 2):
        length = x.shape[axis]
        pads = [(REACH, REACH) if i == axis else (0, 0) for i in range(4)]
        padded = jnp.pad(x, pads, "symmetric")
        shifted = [lax.slice_in_dim(padded, k, k + length, axis=axis) for k in range(2 * REACH + 1)]
        phases = [sum(float(share) * part for share, part in zip(row, shifted, strict=True) if share) for row in shares]
        x = jnp.stack(phases, axis + 1).reshape(*x.shape[:axis], length * scale, *x.shape[axis + 1 :])
    return x.astype(images.dtype)
