"""Metrics of structure against a reference: MS-SSIM and GMSD."""

import jax.numpy as jnp
from jax import Array

from jaxgen.losses.per_example import Images, matched_images
from jaxgen.losses.similarity import similarity_maps, smallest_side
from jaxgen.metrics.colors import to_gray

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, from fine to coarse, as fitted to human judgements by Wang et al. 2003."""
MS_SSIM_MIN_SIDE = smallest_side(len(MS_SSIM_WEIGHTS))
"""Smallest height and width of an image in pixels."""
GMSD_CONSTANT = 170 / 255**2
"""c of GMSD for images in [0, 1]."""
GMSD_MIN_SIDE = 4
"""Smallest height and width of an image in pixels: two pixels at half the size."""


def halved(images: Array, mode: str) -> Array:
    """Halves the size by means of 2×2 pixels; an odd side is padded by a pixel at its end (`jnp.pad`'s mode)."""
    rows, columns = (side % 2 for side in images.shape[1:3])
    x = jnp.pad(images, ((0, 0), (0, rows), (0, columns), (0, 0)), mode=mode)
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def ms_ssim(reference: Images, image: Images, max_value: float = 1.0) -> Array:
    """Computes the multi-scale structural similarity, of each channel, averaged over channels.

    The product over five scales, each of half the size of the one before, of the mean contrast and structure to a
    power, and of the mean luminance, contrast and structure at the last. Windows as of `ssim`. A negative mean, of
    inverted images, counts as 0. No border is cut. The authors compare gray images.

    Args:
      reference: float[batch, height, width, channel], sides of at least 161 pixels.
      image: float[batch, height, width, channel].
      max_value: range of the pixels, 1 for images in [0, 1].
    Returns:
      float[batch] in [0, 1]; 1 for equal images.
    Raises:
      ValueError: if the shapes differ, the images are too small, or whole numbers have a max_value of 1.
    Reference: Wang, Simoncelli, Bovik 2003, equation 7. An odd side is padded by its last pixels before it is halved,
      as in the authors' program.
    """
    x, y = matched_images(reference, image, max_value)
    product, last = jnp.ones(()), len(MS_SSIM_WEIGHTS) - 1
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        luminance, structure = similarity_maps(x, y, max_value, "MS-SSIM", scales=last - scale + 1)
        compared = luminance * structure if scale == last else structure
        product *= jnp.maximum(compared.mean((1, 2)), 0) ** weight
        x, y = halved(x, "edge"), halved(y, "edge")
    return product.mean(-1)


def gradient_magnitudes(images: Array) -> Array:
    """Returns the length of the gradient by Prewitt's kernels, divided by 3, with zeros beyond the border."""
    x = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = x[:, :-2] + x[:, 1:-1] + x[:, 2:], x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]
    across, down = rows[:, :, 2:] - rows[:, :, :-2], columns[:, 2:] - columns[:, :-2]
    return jnp.sqrt((across**2 + down**2) / 9)


def gmsd(reference: Images, image: Images, max_value: float = 1.0) -> Array:
    """Computes the gradient magnitude similarity deviation, of the luma at half the size.

    RGB is converted to luma in the full range (`to_gray`). No border is cut: beyond it pixels are zero, as in the
    authors' program, whose deviation is divided by N − 1 and not by N as in the paper and here.

    Args:
      reference: float[batch, height, width, 1 or 3], sides of at least 4 pixels.
      image: float[batch, height, width, 1 or 3].
      max_value: range of the pixels, 1 for images in [0, 1].
    Returns:
      float[batch], at least 0; 0 for equal images.
    Raises:
      ValueError: if the shapes differ, the images are too small or have another number of channels, or whole numbers
        have a max_value of 1.
    Reference: Xue, Zhang, Mou, Bovik 2014, with c = 170 for pixels from 0 to 255.
    """
    x, y = matched_images(reference, image, max_value)
    if min(x.shape[1:3]) < GMSD_MIN_SIDE:
        raise ValueError(
            f"images of {x.shape[1]}×{x.shape[2]} pixels: GMSD needs at least {GMSD_MIN_SIDE}×{GMSD_MIN_SIDE}"
        )
    first, second = (gradient_magnitudes(halved(to_gray(images) / max_value, "constant")) for images in (x, y))
    similarity = (2 * first * second + GMSD_CONSTANT) / (first**2 + second**2 + GMSD_CONSTANT)
    return similarity.std((1, 2, 3))
