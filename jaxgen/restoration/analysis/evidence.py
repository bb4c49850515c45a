"""Measures in a photograph's pixels alone whether it was compressed by JPEG or blurred.

Networks that remove such damage change undamaged photographs too. So a task applies them only where a photograph shows
traces of the damage; each measure here says how strong they are.
"""

import numpy as np
from scipy import fft, ndimage

from jaxgen.io.images import LUMA
from jaxgen.restoration.analysis.noise import GREY_LEVELS

BLOCK = 8
"""Side of JPEG's blocks, in pixels."""
PROBE = 512
"""Pixels of each side in the middle of a photograph in which JPEG's blocks are looked for."""
SMALL = (3.0, 8.0)
"""Absolute coefficients, in grey levels, that JPEG removes at a quality of 80 or less, and keeps at 90 or more."""
FLAT = 2.0
"""Standard deviation in grey levels of a block below which it says nothing."""
FEWEST_BLOCKS = 12
"""Number of other blocks below which nothing is said."""
LARGE_STEP = 0.1
"""Step in [0, 1] from which a step is an edge of the subject and does not count."""
SMALLEST_STEP = 0.2 / GREY_LEVELS
"""Mean step in [0, 1] below which a photograph counts as flat."""
MIN_QUANTIZATION, MIN_BLOCKINESS = 0.35, 0.28
"""`quantization` and `blockiness` from which a photograph counts as compressed."""

EDGE = 0.016
"""Gradient in [0, 1] per pixel from which an edge shows how blurred it is."""
FEWEST_EDGES = 50
"""Number of pixels on such edges below which nothing is said."""
SHARPEST = 0.1
"""Quantile of the edges' blur that counts: a soft background is no damage, blurred edges everywhere are."""
MIN_BLUR = 1.0
"""Standard deviation in pixels from which a photograph counts as blurred."""


def to_gray(image: np.ndarray) -> np.ndarray:
    """Returns the luma of an image[height, width, 1 or 3] in [0, 1], float32[height, width]."""
    return image[..., 0] if image.shape[-1] == 1 else image @ LUMA


def is_compressed(image: np.ndarray) -> bool:
    """Returns whether an image[height, width, 1 or 3] in [0, 1] shows traces of JPEG, of a quality up to about 80."""
    return quantization(image) >= MIN_QUANTIZATION or blockiness(image) >= MIN_BLOCKINESS


def blockiness(image: np.ndarray) -> float:
    """Returns by how much steps at borders of JPEG's blocks exceed those around them, as a multiple of the mean step.

    The blocks may begin at any pixel, since the image may have been cropped after compression. Of rows and columns, the
    ones with the smaller excess count.

    Args:
      image: float32[height, width, 1 or 3] in [0, 1].
    """
    gray = to_gray(image)
    if min(gray.shape) < 4 * BLOCK:
        return 0.0
    return min(excess_at_block_borders(gray), excess_at_block_borders(gray.T))


def excess_at_block_borders(gray: np.ndarray) -> float:
    """Returns by how much the vertical steps of gray[height, width] at one phase modulo 8 exceed those at any other.

    In an image whose pixels were doubled several phases are large, and the result is small.
    """
    steps = abs(np.diff(gray, axis=0))
    steps = np.where(steps < LARGE_STEP, steps, 0).mean(1)
    excess = steps[1:-1] - (steps[:-2] + steps[2:]) / 2
    phases = sorted(excess[phase::BLOCK].mean() for phase in range(BLOCK))
    return float(phases[-1] - phases[-2]) / max(float(steps.mean()), SMALLEST_STEP)


def quantization(image: np.ndarray) -> float:
    """Returns how far small coefficients are missing in the blocks that JPEG quantized, 0 (not at all) to 1.

    The share of `SMALL` ones among the coefficients of 8×8 blocks is compared between the grid of the file, whose
    blocks begin at the image's corner, and others. It is about the same in all of them where nothing was quantized. At
    a quality below 30 most of the others are small as well; see `blockiness` for that.

    Args:
      image: float32[height, width, 1 or 3] in [0, 1].
    Reference: Fan, de Queiroz 2003, for the traces of JPEG in decompressed images.
    """
    height, width = image.shape[:2]
    top, left = (max(length - PROBE, 0) // 2 // BLOCK * BLOCK for length in (height, width))
    gray = to_gray(image[top : top + PROBE, left : left + PROBE]) * GREY_LEVELS
    shares = [small_share(gray[y:, x:]) for y, x in ((0, 0), (4, 4), (0, 4), (4, 0), (2, 2), (6, 2), (3, 5))]
    if np.isnan(shares).any():
        return 0.0
    return float(max(1 - shares[0] / max(min(shares[1:]), 1e-3), 0.0))


def small_share(gray: np.ndarray) -> float:
    """Returns the share of small coefficients in the 8×8 blocks of gray[height, width], NaN where most are flat."""
    rows, columns = (length // BLOCK for length in gray.shape)
    blocks = gray[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    blocks = blocks[blocks.std((2, 3)) > FLAT]
    if len(blocks) < FEWEST_BLOCKS:
        return np.nan
    high = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)) > 1
    sizes = abs(np.asarray(fft.dctn(blocks, axes=(1, 2), norm="ortho"))[:, high])
    return float(((sizes >= SMALL[0]) & (sizes < SMALL[1])).mean())


def blur_sigma(image: np.ndarray) -> float:
    """Returns the standard deviation in pixels of the Gaussian that blurs the sharpest edges of an image.

    Blurring once more with σ₀ = 1 divides the gradient of an edge by √(1 + σ₀² / σ²). Undamaged photographs have 0.2 to
    0.9, also where most of them is out of focus. 0 where the image has hardly any edges.

    Args:
      image: float32[height, width, 1 or 3] in [0, 1].
    Reference: Zhuo, Sim 2011, section 3.
    """
    gray = to_gray(image)
    gradient = gradient_magnitude(gray)
    is_edge = (gradient > EDGE) & (gradient == ndimage.maximum_filter(gradient, 3))
    if is_edge.sum() < FEWEST_EDGES:
        return 0.0
    ratio = gradient[is_edge] / np.maximum(gradient_magnitude(ndimage.gaussian_filter(gray, 1.0))[is_edge], 1e-6)
    return float(np.quantile(1 / np.sqrt(np.maximum(ratio**2 - 1, 1e-4)), SHARPEST))


def gradient_magnitude(gray: np.ndarray) -> np.ndarray:
    """Returns the length of the gradient of gray[height, width] per pixel, by Sobel's filters."""
    return np.hypot(ndimage.sobel(gray, 0), ndimage.sobel(gray, 1)) / 8
