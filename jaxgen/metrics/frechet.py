"""The Fréchet distance of two normal distributions, and of two sets of features."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, require_features


def frechet_distance(mean_a: Features, cov_a: Features, mean_b: Features, cov_b: Features) -> Array | np.float64:
    """Computes the squared Fréchet distance of two normal distributions.

    ‖μ_a − μ_b‖² + tr(A) + tr(B) − 2 tr(AB)^½, where the last trace is the sum of the singular values of F'G for any
    factors A = FF' and B = GG'. They are exact for singular covariances, where the square root of the eigenvalues of
    A^½ B A^½ loses half of the digits.

    NumPy arrays are computed on the host in float64. If any input is a JAX array, the computation is on the device in
    the precision of the inputs, and can be compiled.

    Args:
      mean_a: float[features].
      cov_a: float[features, features], symmetric and positive semi-definite; singular is allowed.
      mean_b: float[features].
      cov_b: float[features, features].
    Returns:
      float[], at least 0, in squared units of the features.
    Raises:
      ValueError: if the shapes do not fit together.
    Reference: Dowson and Landau 1982, equation 4; Heusel et al. 2017, equation 6.
    """
    moments = (mean_a, cov_a, mean_b, cov_b)
    shapes, features = [np.shape(moment) for moment in moments], np.size(mean_a)
    if shapes != [(features,), (features, features)] * 2:
        raise ValueError(
            f"means and covariances of shapes {', '.join(map(str, shapes))}: "
            "give [features] and [features, features] twice, with the same number of features"
        )
    xp, convert = choose_backend(*moments)
    mean_a, cov_a, mean_b, cov_b = map(convert, moments)

    def factor(covariance):
        values, vectors = xp.linalg.eigh(covariance)
        return vectors * xp.sqrt(xp.maximum(values, 0))

    # The distance is a small difference of traces, which the default precision of accelerators would lose.
    with jax.default_matmul_precision("highest"):
        shared = xp.linalg.svd(factor(cov_a).T @ factor(cov_b), compute_uv=False).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + xp.trace(cov_a) + xp.trace(cov_b) - 2 * shared
    return xp.maximum(distance, 0)


def choose_backend(*arrays: Features) -> tuple[Any, Callable[[Any], Any]]:
    """Returns jax.numpy and a cast to at least float32 if any array is JAX's, otherwise numpy and a cast to float64."""
    if any(isinstance(array, Array) for array in arrays):
        return jnp, promoted
    return np, lambda array: np.asarray(array, np.float64)


def fid(real: Features, fake: Features, *, allow_few: bool = False) -> Array | np.float64:
    """Computes the squared Fréchet distance of two sets of features, as of normal distributions.

    It is FID only with the features of InceptionV3. The estimate is biased upward, more so for fewer samples: compare
    only distances of the same numbers of samples. Host and device are chosen as by `frechet_distance`.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
      allow_few: allow no more samples than features. The covariances are then singular and the distance is mostly bias:
        good for a curve of one run, not for a table.
    Returns:
      float[], at least 0; NaN for traced features that are not finite.
    Raises:
      ValueError: if the shapes do not fit, there are too few samples, or features are not finite.
    Reference: Heusel et al. 2017, equation 6, with the mean and the unbiased covariance of each set.
    """
    require_features(real, fake, least=2)
    features, fewest = real.shape[1], min(len(real), len(fake))
    if fewest <= features and not allow_few:
        raise ValueError(
            f"{fewest} samples of {features} features: their covariance is singular and the distance mostly bias; give "
            f"at least {features + 1} samples of each set, or allow_few=True"
        )
    _, convert = choose_backend(real, fake)

    def moments(samples):
        samples = convert(samples)
        mean = samples.mean(0)
        centred = samples - mean
        return mean, centred.T @ centred / (len(samples) - 1)

    with jax.default_matmul_precision("highest"):
        return frechet_distance(*moments(real), *moments(fake))
