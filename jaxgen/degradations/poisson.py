"""Poisson-distributed counts by inversion, without the rejection loops that make `jax.random.poisson` slow.

Each count is the quantile of its distribution at one normal number: for means below THRESHOLD by summing probabilities,
above by an expansion of the quantile in 1/√mean. At the threshold, where the expansion is least accurate, the total
variation distance to Poisson's distribution is 1e-4, and the variance is 2e-4 too large.
"""

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtr

THRESHOLD = 12.0
MAX_COUNT = 40
"""Largest count for a mean below the threshold, exceeded with a probability below 2e-10."""


def quantile_by_summation(mean: Array, probability: Array) -> Array:
    """Returns the smallest counts whose cumulative probability exceeds `probability`, up to MAX_COUNT."""
    term = jnp.exp(-mean)
    total, count = term, jnp.zeros_like(mean)
    for k in range(1, MAX_COUNT + 1):
        count = count + (probability >= total)
        term = term * mean / k
        total = total + term
    return count


def quantile_by_expansion(mean: Array, normal: Array) -> Array:
    """Returns the counts at the quantiles of standard normal numbers, for means above THRESHOLD.

    Reference: Giles 2016, "Algorithm 955: approximation of the inverse Poisson cumulative distribution function".
    """
    root, square = jnp.sqrt(mean), normal * normal
    first = (2 + square) / 6
    second = -normal * (2 + square) / 72
    third = (-16 + square * (7 + 3 * square)) / 810
    return jnp.floor(mean + root * normal + first + second / root + third / mean)


def poisson(mean: Array, normal: Array) -> Array:
    """Draws Poisson-distributed counts, one for each normal number.

    Args:
      mean: float[...], expected counts, at least 0.
      normal: float[...], independent standard normal numbers.
    Returns:
      float[...], integers; the gradient is 0.
    """
    small = mean < THRESHOLD
    return jnp.where(
        small,
        quantile_by_summation(jnp.where(small, mean, 1.0), ndtr(normal)),
        quantile_by_expansion(jnp.where(small, THRESHOLD, mean), normal),
    )
