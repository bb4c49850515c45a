"""PIQE: how many of an image's active blocks look blocky, blurred or noisy, without a reference."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.losses.per_example import Images
from jaxgen.metrics.naturalness import gray_levels, normalize_contrast, split_blocks

BLOCK = 16
SEGMENT = 6
"""Pixels of an edge whose deviation is compared with `FLAT`."""
ACTIVE = 0.1
"""Variance above which a block counts."""
FLAT = 0.1
"""Standard deviation below which a segment is a visible artifact."""
PIQE_MIN_SIDE = BLOCK


def has_flat_edge(blocks: Array) -> Array:
    """Returns whether six neighbors at one of a block's four edges are nearly equal, bool[batch, blocks]."""
    edges = jnp.stack([blocks[:, :, 0], blocks[:, :, -1], blocks[..., 0], blocks[..., -1]], 2)
    segments = jnp.stack([edges[..., i : i + SEGMENT] for i in range(BLOCK - SEGMENT + 1)], 3)
    return (segments.std(-1, ddof=1) < FLAT).any((2, 3))


def is_noisy(blocks: Array, deviation: Array) -> Array:
    """Returns whether a block's deviation is more than twice its relative difference from center to surround.

    Args:
      blocks: float[batch, blocks, 16, 16].
      deviation: float[batch, blocks], of each block.
    Returns:
      bool[batch, blocks].
    """
    middle = BLOCK // 2
    center, surround = blocks[..., middle - 1 : middle + 1], jnp.delete(blocks, np.array([middle - 1, middle]), 3)
    ratio = center.std((2, 3), ddof=1) / surround.std((2, 3), ddof=1)
    return deviation > 2 * abs(deviation - ratio) / jnp.maximum(deviation, ratio)


def piqe(images: Images) -> Array:
    """Computes PIQE, from the variance of distorted blocks of 16×16 pixels.

    Of RGB the luma in the full range counts, in whole gray levels. An incomplete block is filled by reflection. A block
    counts if its contrast-normalized variance v exceeds 0.1; it adds 1 − v where a segment of its edge is flat, and v
    where it is noisy.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1], sides of at least 16 pixels.
    Returns:
      float[batch], about 0 (best) to 100; 100 if no block counts.
    Raises:
      ValueError: if the images are too small, have another number of channels, or are integers.
    Reference: Venkatanath et al. 2015, with the constants of MATLAB's piqe.
    """
    gray = gray_levels(images)
    if min(gray.shape[1:]) < PIQE_MIN_SIDE:
        raise ValueError(
            f"images of {gray.shape[1]}×{gray.shape[2]} pixels: PIQE needs at least {PIQE_MIN_SIDE}×{PIQE_MIN_SIDE}"
        )
    gray = jnp.pad(gray, ((0, 0), *((0, -side % BLOCK) for side in gray.shape[1:])), mode="symmetric")
    blocks = split_blocks(normalize_contrast(gray)[0], BLOCK)
    variance = blocks.var((2, 3), ddof=1)
    counts = variance > ACTIVE
    score = has_flat_edge(blocks) * (1 - variance) + is_noisy(blocks, jnp.sqrt(variance)) * variance
    return 100 * (jnp.where(counts, score, 0).sum(1) + 1) / (counts.sum(1) + 1)
