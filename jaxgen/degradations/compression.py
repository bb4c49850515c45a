"""JPEG inside a compiled program: the result of a baseline encoder and libjpeg's decoder.

Entropy coding is lossless and is left out.
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.draws import check_images
from jaxgen.errors import unknown
from jaxgen.filters.checks import per_image

BLOCK = 8
# ITU-T T.81, annex K, tables K.1 and K.2.
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMINANCE = np.full((BLOCK, BLOCK), 99)
CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
# JFIF: full-range BT.601.
TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])
# The YCbCr offsets: Cb and Cr of a gray pixel are stored as 128.
YCBCR_OFFSET = np.array([0, 128, 128]).reshape(3, 1, 1, 1)
SUBSAMPLINGS = ("4:4:4", "4:2:0")

Rounding = Callable[[Array], Array]


def straight_through(x: Array, bias: float | np.ndarray = 0.5) -> Array:
    """Computes ⌊x + bias⌋ with the gradient of x."""
    return x + lax.stop_gradient(jnp.floor(x + bias) - x)


def away_from_zero(x: Array) -> Array:
    """Rounds to the nearest integers, halves away from 0, with the gradient of x."""
    return x + lax.stop_gradient(jnp.sign(x) * jnp.floor(jnp.abs(x) + 0.5) - x)


def polynomial(x: Array) -> Array:
    """Computes round(x) + (x − round(x))³, an approximate rounding with its exact gradient."""
    rounded = lax.stop_gradient(jnp.round(x))
    return rounded + (x - rounded) ** 3


ROUNDINGS = {"straight_through": away_from_zero, "polynomial": polynomial}


def convert_colors(matrix: np.ndarray, planes: Array) -> Array:
    """Multiplies planes [3, n, h, w] by a color matrix."""
    return jnp.einsum("cd,dnhw->cnhw", matrix.astype(planes.dtype), planes, precision=lax.Precision.HIGHEST)


def dct_matrix() -> np.ndarray:
    """Returns the orthonormal discrete cosine transform of 8 samples, float64[frequency, sample]."""
    frequency, sample = np.mgrid[:BLOCK, :BLOCK]
    rows = np.cos((2 * sample + 1) * frequency * math.pi / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    return rows


def quantization_table(base: np.ndarray, quality: Array) -> Array:
    """Returns the quantization table of a quality, scaled as by the Independent JPEG Group.

    Args:
      base: int[8, 8], the table of quality 50.
      quality: float[n, 1, 1, 1], clipped to [1, 100].
    Returns:
      float[n, 8, 1, 8], integers from 1 to 255.
    """
    quality = jnp.clip(quality, 1, 100)
    percent = jnp.floor(jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality))
    return jnp.clip(jnp.floor((base[:, None] * percent + 50) / 100), 1, 255)


def pad_to(planes: Array, height: int, width: int) -> Array:
    """Pads planes [n, h, w] to multiples of a height and a width by repeating the last row and column."""
    _, h, w = planes.shape
    return jnp.pad(planes, ((0, 0), (0, -h % height), (0, -w % width)), mode="edge")


def quantize(planes: Array, table: Array, rounding: Rounding) -> Array:
    """Quantizes the discrete cosine transform of planes and decodes it.

    Args:
      planes: float[n, h, w] in [0, 255].
      table: float[1 or n, 8, 1, 8].
      rounding: of the coefficients.
    Returns:
      float[n, h, w], integers in [0, 255].
    """
    n, h, w = planes.shape
    blocks = pad_to(planes, BLOCK, BLOCK) - 128
    rows, columns = (side // BLOCK for side in blocks.shape[1:])
    blocks = blocks.reshape(n, rows, BLOCK, columns, BLOCK)
    table, dct = table[:, None], dct_matrix().astype(planes.dtype)
    highest = lax.Precision.HIGHEST
    coefficients = jnp.einsum("uy,nrycx,vx->nrucv", dct, blocks, dct, precision=highest)
    # libjpeg's integer transform has a resolution of 1/8; without it, round-off would decide ties.
    coefficients = rounding(straight_through(8 * coefficients) / (8 * table)) * table
    blocks = jnp.einsum("uy,nrucv,vx->nrycx", dct, coefficients, dct, precision=highest)
    planes = blocks.reshape(n, rows * BLOCK, columns * BLOCK)[:, :h, :w] + 128
    return jnp.clip(straight_through(planes), 0, 255)


def halve(planes: Array) -> Array:
    """Downsamples planes [n, h, w] by two, odd sides rounded up: 2×2 means, rounded as by libjpeg."""
    planes = pad_to(planes, 2, 2 * BLOCK)
    n, h, w = planes.shape
    means = planes.reshape(n, h // 2, 2, w // 2, 2).mean((2, 4))
    # Halves are rounded down in even columns and up in odd ones, which keeps the mean brightness.
    return straight_through(means, np.where(np.arange(w // 2) % 2, 0.5, 0.25))


def double(planes: Array) -> Array:
    """Upsamples planes [n, h, w] by two with the triangle filter of libjpeg's decoder, rounded to integers."""
    n, h, w = planes.shape
    rows = jnp.pad(planes, ((0, 0), (1, 1), (0, 0)), mode="edge")
    rows = jnp.stack([3 * planes + rows[:, :-2], 3 * planes + rows[:, 2:]], 2).reshape(n, 2 * h, w)
    columns = jnp.pad(rows, ((0, 0), (0, 0), (1, 1)), mode="edge")
    sums = jnp.stack([3 * rows + columns[..., :-2], 3 * rows + columns[..., 2:]], 3)
    return straight_through(sums / 16, np.array([8, 7]) / 16).reshape(n, 2 * h, 2 * w)


def chrominance(planes: Array, table: Array, subsampling: str, rounding: Rounding) -> Array:
    """Returns the decoded chroma planes of the images, float[2n, h, w]."""
    if subsampling == "4:4:4":
        return quantize(planes, table, rounding)
    _, h, w = planes.shape
    small = quantize(halve(planes), table, rounding)
    # The decoder ignores the padding of the last blocks.
    return double(small[:, : -(-h // 2), : -(-w // 2)])[:, :h, :w]


def jpeg(
    images: Array, quality: float | Array, *, subsampling: str = "4:2:0", rounding: str = "straight_through"
) -> Array:
    """Compresses and decompresses images by JPEG, differentiably with respect to the images.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1], gray or RGB, of any size; values are clipped to [0, 1] and
        rounded to 8 bits, as in an image file.
      quality: 1 to 100 on libjpeg's scale, one or float[batch]; fractions and traced values are allowed.
      subsampling: of the chroma: 4:2:0 (half the height and half the width, the most common) or 4:4:4 (none).
      rounding: of the coefficients: "straight_through", exact, with the gradient of the identity; or "polynomial", an
        approximation with its exact gradient. All other roundings are straight through.
    Returns:
      float[batch, height, width, 1 or 3] in [0, 1], in the images' dtype; multiples of 1 / 255.
    Raises:
      UsageError: if there is no such subsampling or rounding.
      ValueError: if the channels are neither 1 nor 3, or the number of qualities is neither 1 nor the batch size.
    Reference: ITU-T T.81; Shin, Song 2017, for the polynomial.
    """
    images = check_images(images)
    if subsampling not in SUBSAMPLINGS:
        raise unknown("subsampling", subsampling, SUBSAMPLINGS)
    if rounding not in ROUNDINGS:
        raise unknown("rounding", rounding, ROUNDINGS)
    n, h, w, channels = images.shape
    if channels not in (1, 3):
        raise ValueError(f"images of {channels} channels: give 1 (gray) or 3 (RGB)")
    wide = images.astype(jnp.promote_types(images.dtype, jnp.float32))
    quality = jnp.broadcast_to(per_image("quality", quality, wide), (n, 1, 1, 1))
    luminance, round_ = quantization_table(LUMINANCE, quality), ROUNDINGS[rounding]
    pixels = straight_through(255 * jnp.clip(wide, 0, 1))
    if channels == 1:
        decoded = quantize(pixels[..., 0], luminance, round_)[..., None]
    else:
        luma, *chroma = straight_through(convert_colors(TO_YCBCR, jnp.moveaxis(pixels, -1, 0)) + YCBCR_OFFSET)
        luma = quantize(luma, luminance, round_)
        table = jnp.tile(quantization_table(CHROMINANCE, quality), (2, 1, 1, 1))
        chroma = chrominance(jnp.minimum(jnp.concatenate(chroma), 255), table, subsampling, round_)
        planes = jnp.concatenate([luma[None], chroma.reshape(2, n, h, w)]) - YCBCR_OFFSET
        decoded = jnp.moveaxis(jnp.clip(straight_through(convert_colors(TO_RGB, planes)), 0, 255), 0, -1)
    return (decoded / 255).astype(images.dtype)
