"""Images of random size under jit: each occupies the upper left corner of a canvas of static shape.

Pixels of the canvas outside the image are undefined. Every operation gives the same result as on the image alone.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from jaxgen.degradations import blurring, compression
from jaxgen.sampling import cubic, linear, mirrored

METHODS = ("bilinear", "bicubic", "area", "gaussian")
SHARP_CUBIC = -0.75
"""Parameter a of bicubic interpolation in OpenCV and PyTorch, by which the published degradation models resize."""


class Canvas(NamedTuple):
    """Images of different sizes in one array.

    Attributes:
      images: float[batch, rows, columns, channel].
      height: int32[batch], of each image, at most the rows.
      width: int32[batch], of each image, at most the columns.
    """

    images: Array
    height: Array
    width: Array


def full_canvas(images: Array) -> Canvas:
    """Returns a canvas that the images fill completely."""
    n, h, w, _ = images.shape
    return Canvas(images, jnp.full(n, h, jnp.int32), jnp.full(n, w, jnp.int32))


def take(images: Array, rows: Array, columns: Array) -> Array:
    """Gathers rows int[batch, h] and columns int[batch, w] of the images: float[batch, h, w, channel]."""
    images = jnp.take_along_axis(images, rows[:, :, None, None], 1)
    return jnp.take_along_axis(images, columns[:, None, :, None], 2)


def blur(canvas: Canvas, kernels: Array) -> Canvas:
    """Convolves each image with its kernel; borders are reflected as by `blurring.blur`.

    Args:
      canvas: of the images.
      kernels: float[batch, side, side], odd.
    """
    rows, columns = canvas.images.shape[1:3]
    radius = kernels.shape[-1] // 2
    padded = take(
        canvas.images,
        mirrored(jnp.arange(-radius, rows + radius), canvas.height[:, None]),
        mirrored(jnp.arange(-radius, columns + radius), canvas.width[:, None]),
    )
    return canvas._replace(images=blurring.valid_convolution(padded, kernels))


def jpeg(canvas: Canvas, quality: Array) -> Canvas:
    """Compresses each image by JPEG, 4:2:0, at its own quality."""
    rows, columns = canvas.images.shape[1:3]
    # A JPEG encoder fills its last blocks by repeating the border.
    padded = take(
        canvas.images,
        jnp.minimum(jnp.arange(rows), canvas.height[:, None] - 1),
        jnp.minimum(jnp.arange(columns), canvas.width[:, None] - 1),
    )
    return canvas._replace(images=compression.jpeg(padded, quality))


def resize_matrices(length: Array, target: Array, shape: tuple[int, int], method: Array, sigma: Array) -> Array:
    """Returns the matrices that resample one axis of each image, without antialiasing.

    Args:
      length: int[batch], input samples.
      target: int[batch], output samples.
      shape: (largest number of output samples, largest number of input samples).
      method: int[batch], index in METHODS.
      sigma: float[batch], standard deviation of the Gaussian in input samples.
    Returns:
      float32[batch, *shape], rows with sum 1; rows beyond the target are undefined.
    """
    scale = (length / target)[:, None, None]
    new, old = jnp.arange(shape[0])[:, None], jnp.arange(shape[1])
    centre = jnp.minimum((new + 0.5) * scale - 0.5, (length - 0.5)[:, None, None])
    distance = old - centre
    overlap = jnp.minimum(distance + 0.5, scale / 2) - jnp.maximum(distance - 0.5, -scale / 2)
    # Relative to the largest exponent: sigma may be small compared with the distance of the nearest sample.
    exponent = -((distance / sigma[:, None, None]) ** 2) / 2
    nearest = exponent.max(-1, keepdims=True)
    alternatives = [
        linear(distance),
        cubic(distance, SHARP_CUBIC),
        jnp.maximum(overlap, 0),
        jnp.exp(exponent - nearest),
    ]
    weights = jnp.take_along_axis(jnp.stack(alternatives, 1), method[:, None, None, None], 1)[:, 0]
    weights = jnp.where(old < length[:, None, None], weights, 0)
    return weights / weights.sum(-1, keepdims=True)


def resize(
    canvas: Canvas, height: Array, width: Array, shape: tuple[int, int], method: Array, sigma: Array | float = 1.0
) -> Canvas:
    """Resizes each image to its own size, on a canvas of another shape.

    Args:
      canvas: of the images.
      height: int[batch], from 1 to the height of the new canvas.
      width: int[batch], from 1 to the width of the new canvas.
      shape: (rows, columns) of the new canvas.
      method: int[batch], index in METHODS: bilinear and bicubic (a = −3/4) without antialiasing, as OpenCV and PyTorch
        resize in the published models; the mean over the area; or a Gaussian around each new pixel's center.
      sigma: standard deviation of the Gaussian in old pixels, one or float[batch].
    """
    sigma = jnp.broadcast_to(jnp.float32(sigma), method.shape)
    images = canvas.images
    rows = resize_matrices(canvas.height, height, (shape[0], images.shape[1]), method, sigma).astype(images.dtype)
    columns = resize_matrices(canvas.width, width, (shape[1], images.shape[2]), method, sigma).astype(images.dtype)
    images = jnp.einsum("bHh,bhwc->bHwc", rows, images, precision=lax.Precision.HIGHEST)
    images = jnp.einsum("bWw,bHwc->bHWc", columns, images, precision=lax.Precision.HIGHEST)
    return Canvas(images, height.astype(jnp.int32), width.astype(jnp.int32))
