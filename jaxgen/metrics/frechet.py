"""The Fréchet distance of two normal distributions, and of two sets of features."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, require_features


def frechet_distance(mean_a: Features, cov_a: Features, mean_b: Features, cov_b: Features) -> Array | np.float64:
    """Returns the squared Fréchet distance between two normal distributions.

    ‖μ_a − μ_b‖² + tr(A) + tr(B) − 2 tr(AB)^½, where the last trace is the sum of the singular values of F'G for any
    factors A = FF' and B = GG'. Those stay exact for singular covariances, where the eigenvalues of A^½ B A^½ lose half
    of the digits in their root.

    NumPy arrays are computed on the host in float64. With a JAX array among the inputs everything is computed on the
    device in the inputs' precision, and may be compiled.

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
    xp, convert = where_to_compute(*moments)
    mean_a, cov_a, mean_b, cov_b = map(convert, moments)

    def factor(covariance):
        values, vectors = xp.linalg.eigh(covariance)
        return vectors * xp.sqrt(xp.maximum(values, 0))

    # The distance is a small difference of traces: an accelerator's default precision would leave little of it.
    with jax.default_matmul_precision("highest"):
        shared = xp.linalg.svd(factor(cov_a).T @ factor(cov_b), compute_uv=False).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + xp.trace(cov_a) + xp.trace(cov_b) - 2 * shared
    return xp.maximum(distance, 0)


def where_to_compute(*arrays: Features):
    """Returns the library for these arrays and the conversion into its precision: host and float64, or device."""
    if any(isinstance(array, Array) for array in arrays):
        return jnp, promoted
    return np, lambda array: np.asarray(array, np.float64)


def fid(real: Features, fake: Features, *, allow_few: bool = False) -> Array | np.float64:
    """Returns the squared Fréchet distance of two sets of features, each seen as a normal distribution.

    Its name is FID only where the features are those of `models.inception`. It is an estimate that is biased upward,
    the more so the fewer samples there are: compare only distances of the same numbers of samples.

    NumPy arrays are computed on the host in float64. With a JAX array among the inputs everything is computed on the
    device in the inputs' precision, and may be compiled.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
      allow_few: take covariances of no more samples than features as well. They are singular whatever the distribution
        is, and the distance is then mostly bias: good for a curve of one run, not for a table.
    Returns:
      float[], at least 0; NaN for features that turn out not to be finite in a compiled program.
    Raises:
      ValueError: if the shapes do not fit, there are too few samples, or features are not finite.
    Reference: Heusel et al. 2017, equation 6, with the mean and the unbiased covariance of each set.
    """
    require_features(real, fake, least=2)
    features, fewest = real.shape[1], min(len(real), len(fake))
    if fewest <= features and not allow_few:
        raise ValueError(
            f"{fewest} samples of {features} features: their covariance is singular and the distance mostly bias; give "
            f"at least {features + 1} samples of each kind, or allow_few=True to take it for what it is"
        )
    _, convert = where_to_compute(real, fake)

    def moments(samples):
        samples = convert(samples)
        mean = samples.mean(0)
        centred = samples - mean
        return mean, centred.T @ centred / (len(samples) - 1)

    with jax.default_matmul_precision("highest"):
        return frechet_distance(*moments(real), *moments(fake))
