"""The kernel distance of two sets of features, KID: an estimate without bias, however few the samples are."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, require_features

# Samples on either side of a tile of the kernel matrix: 4 MiB of float32.
TILE = 1024


def tiles(samples: Array) -> Array:
    """Returns samples float[n, d] in tiles float[t, TILE, d]; the last is filled up with zeros."""
    count = -(-len(samples) // TILE)
    return jnp.pad(samples, ((0, count * TILE - len(samples)), (0, 0))).reshape(count, TILE, -1)


def kernel(products: Array, features: int) -> Array:
    """Returns (x·y/d + 1)³ − 1 of products x·y.

    The 1 cancels in the distance. Without it the sums keep more digits, and the zeros that fill tiles add nothing.
    """
    s = products / features
    return ((s + 3) * s + 3) * s


def kernel_sum(x: Array, y: Array, pairs: np.ndarray) -> Array:
    """Returns the sums of the kernel over pairs of tiles, float[len(pairs)]."""
    tile = lambda pair: kernel(jnp.matmul(x[pair[0]], y[pair[1]].T, precision="highest"), x.shape[2]).sum()
    return lax.map(tile, pairs)


def mean_within(samples: Array) -> Array:
    """Returns the mean of the kernel over pairs of two different samples of one set."""
    (n, d), tiled = samples.shape, tiles(samples)
    rows, columns = np.triu_indices(len(tiled))
    # A tile beside the diagonal stands for its mirror image too.
    sums = kernel_sum(tiled, tiled, np.stack([rows, columns], 1)) * np.where(rows == columns, 1, 2).astype(
        samples.dtype
    )
    itself = kernel((samples * samples).sum(1), d)
    return (sums.sum() - itself.sum()) / n / (n - 1)


def mean_between(x: Array, y: Array) -> Array:
    """Returns the mean of the kernel over pairs of a sample of one set and a sample of the other."""
    x_tiles, y_tiles = tiles(x), tiles(y)
    pairs = np.stack(np.divmod(np.arange(len(x_tiles) * len(y_tiles)), len(y_tiles)), 1)
    return kernel_sum(x_tiles, y_tiles, pairs).sum() / len(x) / len(y)


# Compiled here: called with values, a loop over tiles would be compiled anew every time.
@jax.jit
def squared_discrepancy(real: Array, fake: Array) -> Array:
    """Returns the unbiased estimate of the squared maximum mean discrepancy, float[]."""
    return mean_within(real) + mean_within(fake) - 2 * mean_between(real, fake)


def kid(real: Features, fake: Features) -> Array:
    """Returns the kernel distance of two sets of features, from all their samples.

    It has no bias, so it falls below 0 where the sets are alike. In float32 it is good to about 2e-7 of the kernel's
    mean. Beside the features it holds one tile of the kernel matrix, 4 MiB, whatever the number of samples.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
    Returns:
      float[] in at least float32; NaN for features that turn out not to be finite in a compiled program.
    Raises:
      ValueError: if the shapes do not fit, a set has fewer than two samples, or features are not finite.
    Reference: Bińkowski et al. 2018 (kernel and estimate).
    """
    require_features(real, fake, least=2)
    return squared_discrepancy(promoted(real), promoted(fake))


def subset(key: Array, count: int, size: int) -> Array:
    """Returns `size` different numbers below `count`, int[size]."""
    return jax.random.choice(key, count, (size,), replace=False)


@partial(jax.jit, static_argnames=("subsets", "size"))
def subset_discrepancies(key: Array, real: Array, fake: Array, subsets: int, size: int) -> Array:
    """Returns the squared discrepancy of each pair of subsets, float[subsets]."""

    def discrepancy(key: Array) -> Array:
        real_key, fake_key = jax.random.split(key)
        return squared_discrepancy(real[subset(real_key, len(real), size)], fake[subset(fake_key, len(fake), size)])

    return lax.map(discrepancy, jax.random.split(key, subsets))


def kid_subsets(
    key: Array, real: Features, fake: Features, subsets: int = 100, size: int = 1000
) -> tuple[Array, Array]:
    """Returns mean and standard deviation of the kernel distance over subsets, as published tables give it.

    The deviation is that of a distance of `size` samples, not of the mean. `kid` has less noise than the mean.

    Args:
      key: draws the subsets, each without replacement.
      real: float[n, d], finite.
      fake: float[m, d], finite.
      subsets: how many pairs of subsets.
      size: samples in a subset.
    Returns:
      (float[], float[]); the deviation is that of the subsets drawn (divided by their number).
    Raises:
      ValueError: if the shapes do not fit, a set has fewer samples than a subset, or features are not finite.
    Reference: Bińkowski et al. 2018.
    """
    if size < 2 or subsets < 1:
        raise ValueError(f"{subsets} subsets of {size} samples: give at least one, of at least two samples")
    require_features(real, fake, least=size)
    found = subset_discrepancies(key, promoted(real), promoted(fake), subsets, size)
    return found.mean(), found.std()
