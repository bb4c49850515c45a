"""JPEG inside a compiled program: what a baseline encoder and libjpeg's decoder leave of an image.

The entropy coding between the two loses nothing and is left out.
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.parameters import floating
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
CHROMINANCE = np.array(
    [
        [17, 18, 24, 47, 99, 99, 99, 99],
        [18, 21, 26, 66, 99, 99, 99, 99],
        [24, 26, 56, 99, 99, 99, 99, 99],
        [47, 66, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
    ]
)
# JFIF: full-range BT.601.
TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])
# What a grey pixel's two colour differences are stored as.
GREY = np.array([0, 128, 128]).reshape(3, 1, 1, 1)
SUBSAMPLINGS = ("4:4:4", "4:2:0")

Rounding = Callable[[Array], Array]


def straight_through(x: Array, bias: float | np.ndarray = 0.5) -> Array:
    """Returns ⌊x + bias⌋ with the gradient of x."""
    return x + lax.stop_gradient(jnp.floor(x + bias) - x)


def away_from_zero(x: Array) -> Array:
    """Returns the nearest whole numbers, halves rounded away from 0, with the gradient of x."""
    return x + lax.stop_gradient(jnp.sign(x) * jnp.floor(jnp.abs(x) + 0.5) - x)


def polynomial(x: Array) -> Array:
    """Returns round(x) + (x − round(x))³, near a rounding and with its own gradient."""
    whole = lax.stop_gradient(jnp.round(x))
    return whole + (x - whole) ** 3


ROUNDINGS = {"straight_through": away_from_zero, "polynomial": polynomial}


def mixed(matrix: np.ndarray, planes: Array) -> Array:
    """Returns planes [3, n, h, w] multiplied by a matrix of colours."""
    return jnp.einsum("cd,dnhw->cnhw", matrix.astype(planes.dtype), planes, precision=lax.Precision.HIGHEST)


def cosines() -> np.ndarray:
    """Returns the orthonormal discrete cosine transform of 8 samples, float64[frequency, sample]."""
    frequency, sample = np.mgrid[:BLOCK, :BLOCK]
    rows = np.cos((2 * sample + 1) * frequency * math.pi / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    return rows


def steps(base: np.ndarray, quality: Array) -> Array:
    """Returns the quantisation steps of a quality, by the scaling of the Independent JPEG Group.

    Args:
      base: int[8, 8], the table of quality 50.
      quality: float[n, 1, 1, 1]; below 1 counts as 1, above 100 as 100.
    Returns:
      float[n, 8, 1, 8], whole numbers from 1 to 255.
    """
    quality = jnp.clip(quality, 1, 100)
    percent = jnp.floor(jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality))
    return jnp.clip(jnp.floor((base[:, None] * percent + 50) / 100), 1, 255)


def pad_to(planes: Array, height: int, width: int) -> Array:
    """Returns planes [n, h, w], grown to multiples of a height and a width by repeating the last row and column."""
    _, h, w = planes.shape
    return jnp.pad(planes, ((0, 0), (0, -h % height), (0, -w % width)), mode="edge")


def quantise(planes: Array, table: Array, rounding: Rounding) -> Array:
    """Returns planes as decoded from their quantised cosine transform.

    Args:
      planes: float[n, h, w] in [0, 255].
      table: float[1 or n, 8, 1, 8].
      rounding: of the coefficients.
    Returns:
      float[n, h, w], whole numbers in [0, 255].
    """
    n, h, w = planes.shape
    blocks = pad_to(planes, BLOCK, BLOCK) - 128
    rows, columns = (side // BLOCK for side in blocks.shape[1:])
    blocks = blocks.reshape(n, rows, BLOCK, columns, BLOCK)
    table, dct = table[:, None], cosines().astype(planes.dtype)
    highest = lax.Precision.HIGHEST
    coefficients = jnp.einsum("uy,nrycx,vx->nrucv", dct, blocks, dct, precision=highest)
    # libjpeg's integer transform gives eighths; without them, ties would fall by round-off.
    coefficients = rounding(straight_through(8 * coefficients) / (8 * table)) * table
    blocks = jnp.einsum("uy,nrucv,vx->nrycx", dct, coefficients, dct, precision=highest)
    planes = blocks.reshape(n, rows * BLOCK, columns * BLOCK)[:, :h, :w] + 128
    return jnp.clip(straight_through(planes), 0, 255)


def halve(planes: Array) -> Array:
    """Returns planes [n, h, w] of half the sides, rounded up, whole numbers: means of 2×2 as libjpeg rounds them."""
    planes = pad_to(planes, 2, 2 * BLOCK)
    n, h, w = planes.shape
    means = planes.reshape(n, h // 2, 2, w // 2, 2).mean((2, 4))
    # Halves are rounded down in even columns and up in odd ones, so that the whole becomes no brighter.
    return straight_through(means, np.where(np.arange(w // 2) % 2, 0.5, 0.25))


def double(planes: Array) -> Array:
    """Returns planes [n, h, w] of twice the sides, whole numbers: the triangle filter of libjpeg's decoder."""
    n, h, w = planes.shape
    rows = jnp.pad(planes, ((0, 0), (1, 1), (0, 0)), mode="edge")
    rows = jnp.stack([3 * planes + rows[:, :-2], 3 * planes + rows[:, 2:]], 2).reshape(n, 2 * h, w)
    columns = jnp.pad(rows, ((0, 0), (0, 0), (1, 1)), mode="edge")
    sums = jnp.stack([3 * rows + columns[..., :-2], 3 * rows + columns[..., 2:]], 3)
    return straight_through(sums / 16, np.array([8, 7]) / 16).reshape(n, 2 * h, 2 * w)


def chrominance(planes: Array, table: Array, subsampling: str, rounding: Rounding) -> Array:
    """Returns the two chroma planes of each image, float[2n, h, w], as decoded."""
    if subsampling == "4:4:4":
        return quantise(planes, table, rounding)
    _, h, w = planes.shape
    small = quantise(halve(planes), table, rounding)
    # What fills up the last block is no part of the picture, and the decoder does not look at it.
    return double(small[:, : -(-h // 2), : -(-w // 2)])[:, :h, :w]


def jpeg(
    images: Array,
    quality: float | Array,
    *,
    subsampling: str = "4:2:0",
    rounding: str = "straight_through",
) -> Array:
    """Returns the images as they come back from a JPEG file, differentiable with respect to the images.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1], grey or red, green and blue, of any size; what lies outside
        [0, 1] is cut, and values are rounded to 8 bits as before a file is written.
      quality: 1 to 100 on libjpeg's scale, one or float[batch]; fractions and traced values are allowed.
      subsampling: of the colours, 4:2:0 (half the height and half the width, what files mostly have) or 4:4:4 (none).
      rounding: of the coefficients: straight_through, exact, with the gradient of the identity; or polynomial, whose
        gradient is its own and whose image is only near to JPEG's. All other roundings are straight through.
    Returns:
      float[batch, height, width, 1 or 3] in [0, 1], in the images' dtype; multiples of 1 / 255.
    Raises:
      UsageError: if there is no such subsampling or rounding.
      ValueError: if there are neither one nor three channels, or not one quality and not one for each image.
    Reference: ITU-T T.81; Shin, Song 2017, for the polynomial.
    """
    images = floating(images)
    if subsampling not in SUBSAMPLINGS:
        raise unknown("subsampling", subsampling, SUBSAMPLINGS)
    if rounding not in ROUNDINGS:
        raise unknown("rounding", rounding, ROUNDINGS)
    n, h, w, channels = images.shape
    if channels not in (1, 3):
        raise ValueError(f"images of {channels} channels: JPEG takes one, grey, or three, red, green and blue")
    wide = images.astype(jnp.promote_types(images.dtype, jnp.float32))
    quality = jnp.broadcast_to(per_image("quality", quality, wide), (n, 1, 1, 1))
    luminance, rounds = steps(LUMINANCE, quality), ROUNDINGS[rounding]
    pixels = straight_through(255 * jnp.clip(wide, 0, 1))
    if channels == 1:
        decoded = quantise(pixels[..., 0], luminance, rounds)[..., None]
    else:
        luma, *chroma = straight_through(mixed(TO_YCBCR, jnp.moveaxis(pixels, -1, 0)) + GREY)
        luma = quantise(luma, luminance, rounds)
        table = jnp.tile(steps(CHROMINANCE, quality), (2, 1, 1, 1))
        chroma = chrominance(jnp.minimum(jnp.concatenate(chroma), 255), table, subsampling, rounds)
        planes = jnp.concatenate([luma[None], chroma.reshape(2, n, h, w)]) - GREY
        decoded = jnp.moveaxis(jnp.clip(straight_through(mixed(TO_RGB, planes)), 0, 255), 0, -1)
    return (decoded / 255).astype(images.dtype)
