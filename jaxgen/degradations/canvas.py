"""Images of random size under jit: each lies in the upper left corner of a canvas whose shape is known beforehand.

What lies right of an image and below it means nothing. Every operation here computes what it would on the image alone.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from jaxgen.degradations import blurring, compression
from jaxgen.sampling import cubic, linear, mirrored

METHODS = ("bilinear", "bicubic", "area", "gaussian")
# Of the bicubic interpolation in OpenCV and PyTorch, with which the published recipes resize.
SHARP_CUBIC = -0.75


class Canvas(NamedTuple):
    """Images of different sizes in one array.

    Attributes:
      images: float[batch, rows, columns, channel].
      height: int32[batch], of the image, at most the rows.
      width: int32[batch], of the image, at most the columns.
    """

    images: Array
    height: Array
    width: Array


def whole(images: Array) -> Canvas:
    """Returns images that fill their canvas."""
    n, h, w, _ = images.shape
    return Canvas(images, jnp.full(n, h, jnp.int32), jnp.full(n, w, jnp.int32))


def take(images: Array, rows: Array, columns: Array) -> Array:
    """Returns rows int[batch, h] and columns int[batch, w] of the images, float[batch, h, w, channel]."""
    images = jnp.take_along_axis(images, rows[:, :, None, None], 1)
    return jnp.take_along_axis(images, columns[:, None, :, None], 2)


def blur(canvas: Canvas, kernels: Array) -> Canvas:
    """Returns the images convolved with a kernel each, mirrored beyond their own borders as in `blurring.blur`.

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
    return canvas._replace(images=blurring.convolve_inside(padded, kernels))


def jpeg(canvas: Canvas, quality: Array) -> Canvas:
    """Returns the images as they come back from a JPEG file of a quality each, 4:2:0."""
    rows, columns = canvas.images.shape[1:3]
    # The encoder fills its last blocks by repeating the border.
    padded = take(
        canvas.images,
        jnp.minimum(jnp.arange(rows), canvas.height[:, None] - 1),
        jnp.minimum(jnp.arange(columns), canvas.width[:, None] - 1),
    )
    return canvas._replace(images=compression.jpeg(padded, quality))


def matrices(length: Array, target: Array, shape: tuple[int, int], method: Array, sigma: Array) -> Array:
    """Returns how each image's lines become longer or shorter, without antialiasing.

    Args:
      length: int[batch], samples there are.
      target: int[batch], samples wanted.
      shape: (most samples wanted, most samples there are).
      method: int[batch], index in METHODS.
      sigma: float[batch], deviation of the Gaussian in old samples.
    Returns:
      float32[batch, *shape], each row adding up to 1; those beyond the target mean nothing.
    """
    scale = (length / target)[:, None, None]
    new, old = jnp.arange(shape[0])[:, None], jnp.arange(shape[1])
    centre = jnp.minimum((new + 0.5) * scale - 0.5, (length - 0.5)[:, None, None])
    distance = old - centre
    overlap = jnp.minimum(distance + 0.5, scale / 2) - jnp.maximum(distance - 0.5, -scale / 2)
    # The exponent is lifted by its largest: the deviation may be small against the distance of the nearest sample.
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
    """Returns the images in another size each, on a canvas of another shape; a row's weights end at the border.

    Args:
      canvas: of the images.
      height: int[batch], at least 1 and at most the new canvas's.
      width: int[batch].
      shape: (rows, columns) of the new canvas.
      method: int[batch], index in METHODS: bilinear and bicubic (a = −3/4) without antialiasing, as OpenCV and PyTorch
        resize in the published recipes; the mean of the area; or a Gaussian around each new pixel's centre.
      sigma: deviation of the Gaussian in old pixels, one or float[batch].
    """
    sigma = jnp.broadcast_to(jnp.float32(sigma), method.shape)
    images = canvas.images
    rows = matrices(canvas.height, height, (shape[0], images.shape[1]), method, sigma).astype(images.dtype)
    columns = matrices(canvas.width, width, (shape[1], images.shape[2]), method, sigma).astype(images.dtype)
    images = jnp.einsum("bHh,bhwc->bHwc", rows, images, precision=lax.Precision.HIGHEST)
    images = jnp.einsum("bWw,bHwc->bHWc", columns, images, precision=lax.Precision.HIGHEST)
    return Canvas(images, height.astype(jnp.int32), width.astype(jnp.int32))
