"""Kernel distances of two sets of features: KID and CMMD, estimates without bias for any number of samples."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, require_features

TILE = 1024
"""Height and width of a tile of the kernel matrix: 4 MiB of float32."""
CMMD_SIGMA = 10.0
CMMD_SCALE = 1000.0
"""The kernel's width and the factor of CMMD."""

Kernel = Callable[[Array, Array], Array]
"""(float[n, d], float[m, d]) -> float[n, m], of each two rows, up to a constant that cancels in the distance."""


class Tiles(NamedTuple):
    """Samples in tiles.

    Attributes:
      samples: float[t, TILE, d]; the last tile is padded with zeros.
      counts: bool[t, TILE], whether it is no padding.
    """

    samples: Array
    counts: Array


def tiles(samples: Array) -> Tiles:
    """Splits samples float[n, d] into tiles."""
    count = -(-len(samples) // TILE)
    padded = jnp.pad(samples, ((0, count * TILE - len(samples)), (0, 0)))
    return Tiles(padded.reshape(count, TILE, -1), (jnp.arange(count * TILE) < len(samples)).reshape(count, TILE))


def polynomial(x: Array, y: Array) -> Array:
    """Returns (x·y/d + 1)³ − 1 for each two rows, KID's kernel without what cancels: the sums keep more digits."""
    s = jnp.matmul(x, y.T, precision="highest") / x.shape[1]
    return ((s + 3) * s + 3) * s


def gaussian(x: Array, y: Array) -> Array:
    """Returns exp(−‖x − y‖² / 2σ²) − 1 for each two rows, CMMD's kernel with σ = 10 without what cancels."""
    products = jnp.matmul(x, y.T, precision="highest")
    distances = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * products
    return jnp.expm1(-jnp.maximum(distances, 0) / (2 * CMMD_SIGMA**2))


def kernel_sum(kernel: Kernel, x: Tiles, y: Tiles, pairs: np.ndarray, diagonal: bool = False) -> Array:
    """Computes the sum of the kernel over each pair of tiles, float[len(pairs)], or over the diagonals alone."""

    def tile_sum(pair: Array) -> Array:
        i, j = pair
        values = jnp.where(x.counts[i][:, None] & y.counts[j], kernel(x.samples[i], y.samples[j]), 0)
        return jnp.trace(values) if diagonal else values.sum()

    return lax.map(tile_sum, pairs)


def mean_within(kernel: Kernel, samples: Array) -> Array:
    """Computes the mean of the kernel over pairs of different samples of one set."""
    n, tiled = len(samples), tiles(samples)
    rows, columns = np.triu_indices(len(tiled.samples))
    # An off-diagonal tile counts twice, for its transpose.
    weights = np.where(rows == columns, 1, 2).astype(samples.dtype)
    sums = kernel_sum(kernel, tiled, tiled, np.stack([rows, columns], 1)) * weights
    each = np.arange(len(tiled.samples))
    itself = kernel_sum(kernel, tiled, tiled, np.stack([each, each], 1), diagonal=True)
    return (sums.sum() - itself.sum()) / n / (n - 1)


def mean_between(kernel: Kernel, x: Array, y: Array) -> Array:
    """Computes the mean of the kernel over pairs of samples of two sets."""
    x_tiles, y_tiles = tiles(x), tiles(y)
    pairs = np.indices((len(x_tiles.samples), len(y_tiles.samples))).reshape(2, -1).T
    return kernel_sum(kernel, x_tiles, y_tiles, pairs).sum() / len(x) / len(y)


# Compiled, because each call of an uncompiled loop over tiles compiles it again.
@partial(jax.jit, static_argnames="kernel")
def squared_discrepancy(real: Array, fake: Array, kernel: Kernel = polynomial) -> Array:
    """Computes the unbiased estimate of the squared maximum mean discrepancy, float[]."""
    return mean_within(kernel, real) + mean_within(kernel, fake) - 2 * mean_between(kernel, real, fake)


def kid(real: Features, fake: Features) -> Array:
    """Computes the kernel distance of two sets of features, from all samples.

    The unbiased estimate may be negative for similar sets. In float32 its error is about 2e-7 of the kernel's mean. The
    memory is that of the features and of one tile of the kernel matrix, 4 MiB.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
    Returns:
      float[] in at least float32; NaN for traced features that are not finite.
    Raises:
      ValueError: if the shapes do not fit, a set has fewer than two samples, or features are not finite.
    Reference: Bińkowski et al. 2018.
    """
    require_features(real, fake, least=2)
    return squared_discrepancy(promoted(real), promoted(fake))


def cmmd(real: Features, fake: Features) -> Array:
    """Computes the squared maximum mean discrepancy by a Gaussian kernel of σ = 10, times 1000.

    It is CMMD with CLIP's image embeddings of length one. The unbiased estimate of the paper may be negative for
    similar sets; the authors' program computes the biased one, which of n and m samples is larger by the sum of
    (1 − k) / n and (1 − k) / m, where k is the kernel's mean within each set: up to 0.01 for 1000 samples.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
    Returns:
      float[] in at least float32; NaN for traced features that are not finite.
    Raises:
      ValueError: if the shapes do not fit, a set has fewer than two samples, or features are not finite.
    Reference: Jayasumana et al. 2024.
    """
    require_features(real, fake, least=2)
    return CMMD_SCALE * squared_discrepancy(promoted(real), promoted(fake), gaussian)


def subset(key: Array, count: int, size: int) -> Array:
    """Draws `size` different indices below `count`, int[size]."""
    return jax.random.choice(key, count, (size,), replace=False)


@partial(jax.jit, static_argnames=("subsets", "size"))
def subset_discrepancies(key: Array, real: Array, fake: Array, subsets: int, size: int) -> Array:
    """Computes the squared discrepancy of each pair of subsets, float[subsets]."""

    def discrepancy(key: Array) -> Array:
        real_key, fake_key = jax.random.split(key)
        return squared_discrepancy(real[subset(real_key, len(real), size)], fake[subset(fake_key, len(fake), size)])

    return lax.map(discrepancy, jax.random.split(key, subsets))


def kid_subsets(
    key: Array, real: Features, fake: Features, subsets: int = 100, size: int = 1000
) -> tuple[Array, Array]:
    """Computes mean and standard deviation of the kernel distance over subsets, as in published tables.

    The deviation is that of one subset, not of the mean. `kid` has a smaller variance than the mean.

    Args:
      key: of the subsets, each drawn without replacement.
      real: float[n, d], finite.
      fake: float[m, d], finite.
      subsets: number of pairs of subsets.
      size: samples in a subset.
    Returns:
      (float[], float[]); the deviation is divided by the number of subsets.
    Raises:
      ValueError: if the shapes do not fit, a set has fewer samples than a subset, or features are not finite.
    Reference: Bińkowski et al. 2018.
    """
    if size < 2 or subsets < 1:
        raise ValueError(f"{subsets} subsets of {size} samples: give at least one, of at least two samples")
    require_features(real, fake, least=size)
    discrepancies = subset_discrepancies(key, promoted(real), promoted(fake), subsets, size)
    return discrepancies.mean(), discrepancies.std()
