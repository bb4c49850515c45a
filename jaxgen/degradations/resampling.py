"""Resizing like MATLAB's imresize, by one matrix product along each axis.

The matrices are computed in NumPy from the sizes alone. `jaxgen.data.resample` resizes stored uint8 images on the host,
with other weights at the border.
"""

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.draws import check_images
from jaxgen.errors import unknown
from jaxgen.sampling import cubic, linear

KERNELS = {"bicubic": (cubic, 2.0), "bilinear": (linear, 1.0)}
METHODS = (*KERNELS, "area", "nearest")
RADIUS = 2
"""Radius of the cubic kernel in pixels."""


# Bounded: a training has few sizes, a folder of images may have any number.
@functools.lru_cache(32)
def matrix(length: int, target: int, scale: float, method: str, antialias: bool) -> np.ndarray:
    """Returns the matrix that resamples one axis.

    Args:
      length: number of input samples.
      target: number of output samples.
      scale: input samples per output sample; length / target, unless a size was rounded.
      method: one of METHODS.
      antialias: whether the kernel is widened by the scale when downsampling.
    Returns:
      float64[target, length], rows with sum 1.
    """
    start = np.arange(target)[:, None] * scale
    centre = start + scale / 2 - 0.5
    if method == "nearest":
        taps, weights = np.floor(centre + 0.5), np.ones((target, 1))
    elif method == "area":
        taps = np.floor(start) + np.arange(math.ceil(scale) + 1)
        weights = np.clip(np.minimum(taps + 1, start + scale) - np.maximum(taps, start), 0, None)
        # Removes overlaps that are round-off.
        weights = np.where(weights < 1e-9, 0, weights)
    else:
        kernel, support = KERNELS[method]
        width = max(scale, 1.0) if antialias else 1.0
        taps = np.floor(centre - support * width) + np.arange(math.ceil(2 * support * width) + 2)
        weights = kernel((taps - centre) / width)
    # The border is reflected with the last sample repeated: 0 1 2 2 1 0 0 1 …
    taps = taps.astype(int) % (2 * length)
    taps = np.minimum(taps, 2 * length - 1 - taps)
    result = np.zeros((target, length))
    np.add.at(result, (np.arange(target)[:, None], taps), weights / weights.sum(1, keepdims=True))
    return result


def resample(images: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
    """Multiplies images by one matrix along the height and one along the width.

    Args:
      images: float[batch, h, w, channel].
      rows: float[height, h].
      columns: float[width, w].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    """
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    # The default precision of accelerators may be 8 to 10 bits, too little for 8-bit pixels.
    product = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)
    x = product("Hh,bhwc->bHwc", rows.astype(dtype), images.astype(dtype))
    return product("Ww,bHwc->bHWc", columns.astype(dtype), x).astype(images.dtype)


def resize(images: Array, height: int, width: int, method: str = "bicubic", antialias: bool = True) -> Array:
    """Resizes images with aligned corners of the pixel areas, without clipping.

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      height: in pixels.
      width: in pixels.
      method: bicubic (a = −1/2), bilinear, area (the mean over each new pixel's area) or nearest.
      antialias: whether bicubic and bilinear kernels are widened when downsampling, as by MATLAB but not OpenCV; no
        effect on the other methods.
    Returns:
      float[batch, height, width, channel], in the images' dtype; bicubic may leave [0, 1].
    Raises:
      UsageError: if there is no such method.
      ValueError: if a side is below 1 pixel.
    """
    images = check_images(images)
    if method not in METHODS:
        raise unknown("resampling method", method, METHODS)
    if min(height, width) < 1:
        raise ValueError(f"a size of {height}×{width}: give at least 1×1 pixels")
    h, w = images.shape[1:3]
    rows, columns = (matrix(n, m, n / m, method, antialias) for n, m in ((h, height), (w, width)))
    return resample(images, rows, columns)


def downsample(images: Array, scale: float) -> Array:
    """Downsamples images by antialiased bicubic interpolation, the standard of super-resolution, without clipping.

    It equals MATLAB's imresize(image, 1 / scale). For the published results images are cropped to a multiple of the
    scale before, and clipped to [0, 1] and rounded to 8 bits after.

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      scale: at least 1, such as 4.
    Returns:
      float[batch, ⌈h / scale⌉, ⌈w / scale⌉, channel], in the images' dtype; values may leave [0, 1] near edges.
    Raises:
      ValueError: if the scale is below 1.
    """
    if scale < 1:
        raise ValueError(f"a scale of {scale}: give 1 or more, or use upsample")
    images = check_images(images)
    return resample(images, *(matrix(n, math.ceil(n / scale), scale, "bicubic", True) for n in images.shape[1:3]))


def upsample(images: Array, scale: float) -> Array:
    """Upsamples images by bicubic interpolation, without clipping.

    It equals MATLAB's imresize(image, scale).

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      scale: at least 1, such as 4.
    Returns:
      float[batch, ⌈h · scale⌉, ⌈w · scale⌉, channel], in the images' dtype; values may leave [0, 1] near edges.
    Raises:
      ValueError: if the scale is below 1.
    """
    if scale < 1:
        raise ValueError(f"a scale of {scale}: give 1 or more, or use downsample")
    images = check_images(images)
    if scale == int(scale):
        return upsample_integer(images, int(scale))
    return resample(images, *(matrix(n, math.ceil(n * scale), 1 / scale, "bicubic", True) for n in images.shape[1:3]))


def upsample_integer(images: Any, scale: int) -> Any:
    """Upsamples by an integer factor, by sums of shifted images: the cost per pixel does not depend on the size.

    NumPy arrays are computed by NumPy, which compiles nothing for each size.

    Args:
      images: float[batch, h, w, channel] in [0, 1].
      scale: at least 1.
    Returns:
      float[batch, h · scale, w · scale, channel], in the images' dtype; values may leave [0, 1] near edges.
    """
    library = np if isinstance(images, np.ndarray) else jnp
    # For each new pixel inside an old one: its offset from the old center, and the weights of five old pixels.
    offsets = (np.arange(scale) + 0.5) / scale - 0.5
    weights = cubic(np.arange(-RADIUS, RADIUS + 1) - offsets[:, None])
    x = images.astype(jnp.promote_types(images.dtype, jnp.float32))
    for axis in (1, 2):
        length = x.shape[axis]
        pads = [(RADIUS, RADIUS) if i == axis else (0, 0) for i in range(4)]
        padded = library.pad(x, pads, "symmetric")
        shifted = [padded[(slice(None),) * axis + (slice(k, k + length),)] for k in range(2 * RADIUS + 1)]
        phases = [
            sum(float(weight) * part for weight, part in zip(row, shifted, strict=True) if weight) for row in weights
        ]
        x = library.stack(phases, axis + 1).reshape(*x.shape[:axis], length * scale, *x.shape[axis + 1 :])
    return x.astype(images.dtype)
