"""How near one set of images is to another, from their features."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.losses.per_example import promoted


def frechet_distance(
    mean_a: Array | np.ndarray, cov_a: Array | np.ndarray, mean_b: Array | np.ndarray, cov_b: Array | np.ndarray
) -> Array | np.float64:
    """Returns the squared Fréchet distance between two normal distributions.

    ‖μ_a − μ_b‖² + tr(A) + tr(B) − 2 tr(AB)^½, where the last trace is the sum of the singular values of A^½ B^½. Those
    stay exact for singular covariances, where the eigenvalues of A^½ B A^½ lose half of the digits in their root.

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
    on_device = any(isinstance(moment, Array) for moment in moments)
    xp, convert = (jnp, promoted) if on_device else (np, lambda moment: np.asarray(moment, np.float64))
    mean_a, cov_a, mean_b, cov_b = map(convert, moments)

    def root(covariance):
        values, vectors = xp.linalg.eigh(covariance)
        return (vectors * xp.sqrt(xp.maximum(values, 0))) @ vectors.T

    # The distance is a small difference of traces: an accelerator's default precision would leave little of it.
    with jax.default_matmul_precision("highest"):
        shared = xp.linalg.svd(root(cov_a) @ root(cov_b), compute_uv=False).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + xp.trace(cov_a) + xp.trace(cov_b) - 2 * shared
    return xp.maximum(distance, 0)
