"""Gray photographs that are stored in color: with equal channels, with the chroma noise of JPEG files, or toned.

In a toned photograph (sepia, selenium, cyanotype) the color is a smooth function of the brightness. It is restored as a
gray one, by the network for gray images, and gets the colors that it had at each brightness. Brightness is the mean of
the channels: independent noise in them is weaker in their mean than in luma, by which 0.5 to 0.9 dB were lost.
"""

import numpy as np
from scipy import ndimage

from jaxgen.io.photographs import Photograph
from jaxgen.restoration.analysis.noise import GREY_LEVELS, windows
from jaxgen.restoration.inference import Restoration, Result, Settings
from jaxgen.restoration.restorer import Progress

KNOTS = 17
"""Points between which the color is a linear function of the brightness."""
SMOOTHNESS = 1e-3
"""Weight of the squared bends of that function, relative to the squared errors of all pixels."""
BLOCK = 8
"""Side of the smallest blocks over which chroma is averaged, in pixels."""
MIN_BLOCKS = 256
"""Blocks of the smallest photograph that counts as toned: the function would fit any colors of a few."""
# Chosen on the first 34 photographs of CBSD68, in their colors and in tones: clean, as JPEG files, and with noise
# of up to σ 50 in each channel.
TOLERANCES = ((1, 6.5), (2, 3.5), (4, 2.5))
"""Blocks along a square's side, and gray levels: the mean chroma of no such square of a toned photograph differs by
more from the function of its brightness, besides the noise."""
DEVIATIONS = 4.5
"""Standard deviations of the noise of a square's mean that it may differ besides."""
MAX_NOISE = 30.0
"""Standard deviation of the chroma's noise, in gray levels, above which faint colors are lost in it. Noise that all
channels have in common is none of the chroma's."""
MAX_CHROMA, MAX_SLOPE = 0.3, 1.0
"""Largest difference of a channel from the brightness in a tone, and slope of that difference over the brightness."""
SHARP_NOISE = 8.0
"""Standard deviation of the chroma's noise, in gray levels, at which the brightness is blurred by σ 1 pixel."""
MAX_BLUR = 1.5
NEARLY_GRAY = 3 / GREY_LEVELS
"""Largest chroma of a small photograph that counts as gray."""


def restore_gray(restore: Restoration, photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns what a restoration makes of a photograph, of one with three equal channels as of a gray one.

    Args:
      restore: the restoration.
      photograph: its pixels and its alpha are used.
      settings: of the restoration.
      progress: takes the number of tiles done and the number of all tiles.
    """
    pixels = photograph.pixels
    if not has_equal_channels(pixels):
        return restore(photograph, settings, progress)
    result = restore(photograph._replace(pixels=pixels[..., :1]), settings, progress)
    return result if result.pixels is result.mask else result._replace(pixels=result.pixels.repeat(3, -1))


def has_equal_channels(pixels: np.ndarray) -> bool:
    """Returns whether pixels[height, width, channel] are gray ones in three channels."""
    return pixels.shape[-1] == 3 and not (pixels != pixels[..., :1]).any()


def gray_of(pixels: np.ndarray) -> np.ndarray:
    """Returns the brightness of pixels[height, width, channel], float32[height, width, 1]."""
    return pixels.mean(-1, keepdims=True)


def is_toned(pixels: np.ndarray) -> bool:
    """Returns whether the color of a photograph is a smooth function of its brightness, or absent, but for noise.

    Args:
      pixels: float32[height, width, 3] in [0, 1].
    """
    gray = gray_of(pixels)
    chroma = pixels - gray
    if max(chroma.max(), -chroma.min()) <= NEARLY_GRAY:
        return True
    down, across = (side // BLOCK for side in pixels.shape[:2])
    noise = chroma_noise(chroma)
    if down * across < MIN_BLOCKS or noise * GREY_LEVELS > MAX_NOISE:
        return False
    blur = min(MAX_BLUR, noise * GREY_LEVELS / SHARP_NOISE)
    gray = ndimage.gaussian_filter(gray[..., 0], blur) if blur > 0.1 else gray[..., 0]
    strips = gray[: down * BLOCK, : across * BLOCK].reshape(down, BLOCK, -1)
    weights = np.concatenate([block_means(hats(strip), BLOCK) for strip in strips])
    rows = chroma[: down * BLOCK, : across * BLOCK]
    means = np.concatenate([block_means(rows[top : top + BLOCK], BLOCK) for top in range(0, len(rows), BLOCK)])
    flat = weights.reshape(-1, KNOTS)
    curve = fit(flat.T @ flat, flat.T @ means.reshape(-1, 3), len(flat))
    return is_smooth(curve, flat.sum(0)) and is_close(means - weights @ curve, noise)


def is_smooth(curve: np.ndarray, weight: np.ndarray) -> bool:
    """Returns whether a curve float[KNOTS, 3] is that of a tone, at the knots that have any weight."""
    used = curve[weight > 0]
    steepest = np.abs(np.diff(used, axis=0)).max(initial=0) * (KNOTS - 1)
    return bool(np.abs(used).max() <= MAX_CHROMA and steepest <= MAX_SLOPE)


def is_close(residual: np.ndarray, noise: float) -> bool:
    """Returns whether what a curve leaves of the blocks' chroma, float[down, across, 3], is noise."""
    for side, tolerance in TOLERANCES:
        down, across = (length // side for length in residual.shape[:2])
        means = block_means(residual[: down * side, : across * side], side)
        if np.abs(means).max() > tolerance / GREY_LEVELS + DEVIATIONS * noise / (side * BLOCK):
            return False
    return True


def toned(gray: np.ndarray, pixels: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Returns a gray image in the tone of a photograph: with the colors that it has on average at each brightness.

    Args:
      gray: float32[height, width, 1], the restored brightness.
      pixels: float32[height, width, 3] of the photograph; perhaps noisy.
      out: array that is overwritten, perhaps the pixels; None: a new one.
    Returns:
      float32[height, width, 3].
    """
    pairs, products, total = np.zeros((KNOTS, KNOTS)), np.zeros((KNOTS, 3)), gray.size
    for row, colors in zip(gray, pixels, strict=True):
        weights = hats(row.T)[0]
        pairs += weights.T @ weights
        products += weights.T @ (colors - row)
    curve = fit(pairs, products, total)
    knots, result = np.linspace(0, 1, KNOTS), np.empty_like(pixels) if out is None else out
    for row, values in zip(gray, result, strict=True):
        values[...] = row + np.stack([np.interp(row[:, 0], knots, channel) for channel in curve.T], -1)
    return result


def hats(gray: np.ndarray) -> np.ndarray:
    """Returns float32[height, width, KNOTS], the weights of the knots at each value of gray[height, width]."""
    position = np.clip(gray, 0, 1)[..., None] * (KNOTS - 1)
    return np.maximum(1 - np.abs(position - np.arange(KNOTS, dtype=np.float32)), 0)


def fit(pairs: np.ndarray, products: np.ndarray, count: int) -> np.ndarray:
    """Returns float64[KNOTS, 3], the smooth function of the brightness that is closest to the chroma.

    Args:
      pairs: float[KNOTS, KNOTS], sums of the products of two weights.
      products: float[KNOTS, 3], sums of the products of weights and chroma.
      count: of the terms of these sums.
    """
    bends = np.diff(np.eye(KNOTS), 2, axis=0)
    ridge = 1e-9 * count * np.eye(KNOTS)
    return np.linalg.solve(pairs + SMOOTHNESS * count * bends.T @ bends + ridge, products)


def block_means(values: np.ndarray, side: int) -> np.ndarray:
    """Returns the means of values[height, width, channel] over squares; both sides are multiples of theirs."""
    height, width, channels = values.shape
    return values.reshape(height // side, side, width // side, side, channels).mean((1, 3))


def chroma_noise(chroma: np.ndarray) -> float:
    """Returns the standard deviation of the noise of chroma[height, width, 3], robustly, from differences of neighbors.

    Reference: Rousseeuw and Croux 1993 (the median of absolute values, over 0.6745).
    """
    parts = windows(chroma)
    differences = parts - ndimage.uniform_filter(parts, 3, axes=(1, 2))
    return float(np.median(np.abs(differences)) / 0.6745 / np.sqrt(1 - 1 / 9))
