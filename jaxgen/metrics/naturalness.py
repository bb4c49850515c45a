"""NIQE: how far the statistics of an image are from those of undamaged photographs, without a reference."""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.losses.per_example import Images
from jaxgen.metrics.colors import to_gray

WINDOW = 7
DEVIATION = 7 / 6
"""Size in pixels and σ of the Gaussian window of local means and deviations."""
BLOCK = 96
"""Side in pixels of the blocks whose statistics are compared."""
SCALES = 2
NIQE_MIN_SIDE = 2 * BLOCK
"""Smallest height and width of an image in pixels: four blocks, whose features have a covariance."""
FEATURES = 18 * SCALES
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""(rows, columns) between the pixels whose product has a distribution."""


def gray_levels(images: Images) -> Array:
    """Returns the luma of images in whole gray levels, as MATLAB's rgb2gray of 8-bit images.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
    Returns:
      float[batch, height, width] in [0, 255].
    Raises:
      ValueError: if the images have another shape, or are integers.
    """
    if not jnp.issubdtype(jnp.result_type(images), jnp.floating):
        raise ValueError(f"images of {jnp.result_type(images)}: give floating point in [0, 1]")
    return jnp.round(255 * to_gray(images))[..., 0]


def normalize_contrast(gray: Array) -> tuple[Array, Array]:
    """Returns (x − μ) / (σ + 1) of each pixel, and σ, of a Gaussian window of 7×7 pixels; the border is repeated.

    Sums of differences from the pixel itself lose few digits in float32, and are zero where an image is flat.

    Args:
      gray: float[batch, height, width], gray levels.
    Returns:
      two arrays of the same shape.
    Reference: Mittal, Soundararajan, Bovik 2013.
    """
    radius = WINDOW // 2
    line = np.exp(-((np.arange(-radius, radius + 1) / DEVIATION) ** 2) / 2)
    window = jnp.asarray((np.outer(line, line) / line.sum() ** 2).ravel(), gray.dtype)
    padded = jnp.pad(gray, ((0, 0), (radius, radius), (radius, radius)), mode="edge")

    def add(tap: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        difference = lax.dynamic_slice(padded, (0, tap // WINDOW, tap % WINDOW), gray.shape) - gray
        weighted = window[tap] * difference
        return sums[0] + weighted, sums[1] + weighted * difference

    mean, square = lax.fori_loop(0, WINDOW**2, add, (jnp.zeros_like(gray), jnp.zeros_like(gray)))
    deviation = jnp.sqrt(jnp.maximum(square - mean**2, 0))
    return -mean / (deviation + 1), deviation


def split_blocks(x: Array, side: int) -> Array:
    """Returns the blocks of arrays whose sides are multiples of theirs, [batch, blocks, side, side]."""
    batch, height, width = x.shape
    blocks = x.reshape(batch, height // side, side, width // side, side).swapaxes(2, 3)
    return blocks.reshape(batch, -1, side, side)


@functools.cache
def gamma_ratios() -> tuple[np.ndarray, ...]:
    """Returns what depends on the shape α of a generalized Gaussian, for α = 0.2, 0.201 … 10, float32 each.

    Returns:
      α; Γ(2/α)² / (Γ(1/α) Γ(3/α)) between each two of them; (Γ(1/α) / Γ(3/α))^½; Γ(2/α) / Γ(1/α).
    """
    shape = np.arange(200, 10_001) / 1000
    one, two, three = (np.array([math.lgamma(k / x) for x in shape]) for k in (1, 2, 3))
    ratio = np.exp(2 * two - one - three)
    arrays = shape, (ratio[1:] + ratio[:-1]) / 2, np.exp((one - three) / 2), np.exp(two - one)
    return tuple(x.astype(np.float32) for x in arrays)


def fit_generalized_gaussian(x: Array) -> tuple[Array, Array, Array, Array]:
    """Fits an asymmetric generalized Gaussian by its moments.

    Args:
      x: float[..., samples].
    Returns:
      its shape α, left and right scales β, and its mean, float[...] each; NaN without negative or positive samples.
    Reference: Lasmar, Stitou, Berthoumieu 2009; Mittal, Soundararajan, Bovik 2013.
    """
    shapes, between, scales, means = map(jnp.asarray, gamma_ratios())
    squares = x**2
    deviation = lambda part: jnp.sqrt(jnp.where(part, squares, 0).sum(-1) / part.sum(-1))
    left, right = deviation(x < 0), deviation(x > 0)
    ratio = left / right
    moments = abs(x).mean(-1) ** 2 / squares.mean(-1)
    target = moments * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    nearest = jnp.searchsorted(between, target)
    left, right = left * scales[nearest], right * scales[nearest]
    return shapes[nearest], left, right, (right - left) * means[nearest]


def block_features(blocks: Array) -> Array:
    """Returns the 18 statistics of normalized pixels, and of products of neighbors, in each block.

    Args:
      blocks: float[batch, blocks, side, side], of `normalize_contrast`.
    Returns:
      float[batch, blocks, 18]: α and mean β of the pixels, and α, mean, left and right β for each of four directions.
      A neighbor beyond the block is the one at its opposite side.
    """
    flat = (*blocks.shape[:2], -1)
    shape, left, right, _ = fit_generalized_gaussian(blocks.reshape(flat))
    found = [shape, (left + right) / 2]
    for shift in SHIFTS:
        products = blocks * jnp.roll(blocks, shift, (2, 3))
        shape, left, right, mean = fit_generalized_gaussian(products.reshape(flat))
        found += [shape, mean, left, right]
    return jnp.stack(found, -1)


def natural_scene_features(images: Images) -> tuple[Array, Array]:
    """Computes the natural scene statistics of the blocks of 96×96 pixels that fit in images from the top left.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1], sides of at least 192 pixels.
    Returns:
      float[batch, blocks, 36], the statistics at full and at half size, not finite for flat blocks; and the mean
      deviation of each block, its sharpness, float[batch, blocks].
    Raises:
      ValueError: if the images are too small, have another number of channels, or are integers.
    Reference: Mittal, Soundararajan, Bovik 2013.
    """
    gray = gray_levels(images)
    from jaxgen.degradations.resampling import downsample  # Here, as it loads all degradations.

    rows, columns = (side // BLOCK for side in gray.shape[1:])
    if min(rows, columns) < 2:
        size = f"{gray.shape[1]}×{gray.shape[2]}"
        raise ValueError(f"images of {size} pixels: NIQE needs at least {NIQE_MIN_SIDE}×{NIQE_MIN_SIDE}")
    gray = gray[:, : rows * BLOCK, : columns * BLOCK]
    found, sharpness = [], jnp.zeros(())
    for scale in range(SCALES):
        normalized, deviation = normalize_contrast(gray)
        side = BLOCK // 2**scale
        found.append(block_features(split_blocks(normalized, side)))
        if scale == 0:
            sharpness = split_blocks(deviation, side).mean((2, 3))
        gray = downsample(gray[..., None], 2)[..., 0]
    return jnp.concatenate(found, -1), sharpness


def pristine_model(mean: np.ndarray, covariance: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the parameters of `niqe` from the moments of the features of undamaged photographs.

    In coordinates in which their covariance is the identity the distance needs no more than float32.

    Args:
      mean: float[36].
      covariance: float[36, 36].
    Returns:
      {"mean": float32[36], "whitening": float32[36, 36]}.
    Raises:
      ValueError: if the shapes are others, or the covariance is not positive definite.
    """
    mean, covariance = (np.asarray(x, np.float64) for x in (mean, covariance))
    if mean.shape != (FEATURES,) or covariance.shape != (FEATURES, FEATURES):
        raise ValueError(f"moments of shapes {mean.shape}, {covariance.shape}: give [{FEATURES}] and its covariance")
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    # Not "<=": comparisons with NaN are false.
    if not values[0] > 1e-12 * values[-1]:
        raise ValueError(f"a covariance with eigenvalues from {values[0]:g} to {values[-1]:g}: all must be positive")
    whitening = (vectors / np.sqrt(values)).T
    return {"mean": mean.astype(np.float32), "whitening": whitening.astype(np.float32)}


def niqe(images: Images, mean: Array, whitening: Array) -> Array:
    """Computes NIQE, the distance of the statistics of an image's blocks from those of undamaged photographs.

    Of RGB the luma in the full range counts, in whole gray levels; incomplete blocks at the right and at the bottom do
    not, nor do flat blocks. Super-resolution is published with 4 pixels cut, of luma in the studio range.

    Pixels in flat areas count as neither positive nor negative. In float64 by the paper's formula rounding errors there
    have a sign, which on eight photographs of CBSD68 changed NIQE by up to 1.5 %; all else differed by 0.015 % or less.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1], sides of at least 192 pixels.
      mean: float[36], of `pristine_model`.
      whitening: float[36, 36], of `pristine_model`.
    Returns:
      float[batch], at least 0, smaller is better; NaN if all blocks are flat.
    Raises:
      ValueError: if the images are too small, have another number of channels, or are integers.
    Reference: Mittal, Soundararajan, Bovik 2013.
    """
    found, _ = natural_scene_features(images)
    product = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)
    white = product("bnf,gf->bng", found - mean, whitening)
    counts = jnp.isfinite(white).all(-1)
    white, number = jnp.where(counts[..., None], white, 0), counts.sum(1)[:, None]
    center = white.sum(1) / number
    centered = jnp.where(counts[..., None], white - center[:, None], 0)
    covariance = product("bnf,bng->bfg", centered, centered) / jnp.maximum(number - 1, 1)[..., None]
    solved = jnp.linalg.solve((jnp.eye(FEATURES) + covariance) / 2, center[..., None])[..., 0]
    return jnp.sqrt(jnp.maximum((center * solved).sum(-1), 0))
