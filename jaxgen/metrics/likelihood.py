"""The likelihood of images by importance sampling."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.nn import logsumexp


class Estimate(NamedTuple):
    """Estimates of importance sampling for a batch.

    Attributes:
      log_likelihood: float[batch], nats.
      effective: float[batch], effective sample size; near 1, one code dominates the estimate.
      bound: float[batch], the mean log weight: the evidence lower bound, nats.
    """

    log_likelihood: Array
    effective: Array
    bound: Array


def importance_sampling(log_weights: Callable[[Array], Array], key: Array, count: int) -> Estimate:
    """Computes log (1/K) Σₖ wₖ over K weights, in chunks.

    Args:
      log_weights: key -> float[samples, batch], log p(x, zₖ) − log q(zₖ | x) with zₖ drawn from q, nats.
      key: each chunk has its own, derived from it.
      count: K; the surplus weights of the last chunk are ignored.
    Returns:
      Estimate of `count` weights.
    Raises:
      ValueError: if K is less than 1.
    Reference: Burda, Grosse, Salakhutdinov 2016, equation 8 and section 5; Kong 1992, for the effective sample size.
    """
    if count < 1:
        raise ValueError(f"{count} weights: give at least 1")
    samples, batch = jax.eval_shape(log_weights, key).shape

    def add(sums: tuple[Array, Array, Array], index: Array) -> tuple[tuple[Array, Array, Array], None]:
        total, squares, logs = sums
        drawn = log_weights(jax.random.fold_in(key, index))
        counted = (index * samples + jnp.arange(samples) < count)[:, None]
        masked = jnp.where(counted, drawn, -jnp.inf)
        total = jnp.logaddexp(total, logsumexp(masked, axis=0))
        squares = jnp.logaddexp(squares, logsumexp(2 * masked, axis=0))
        return (total, squares, logs + jnp.where(counted, drawn, 0).sum(0)), None

    empty = jnp.full(batch, -jnp.inf)
    (total, squares, logs), _ = lax.scan(add, (empty, empty, jnp.zeros(batch)), jnp.arange(-(-count // samples)))
    return Estimate(total - math.log(count), jnp.exp(2 * total - squares), logs / count)


def bits_per_dimension(nll: Array | float, dimensions: int, density_levels: int = 0) -> Array | float:
    """Converts a negative log-likelihood to bits per dimension.

    Args:
      nll: −log p(x), nats, of any shape.
      dimensions: height · width · channels of an image.
      density_levels: number of grey levels, if p is a density on [0, 1] of images with uniform noise of one level
        (dequantization); 0 if p is a probability of grey levels.
    Raises:
      ValueError: if `dimensions` is less than 1.
    Reference: Theis, van den Oord, Bethge 2016, section 3.1.
    """
    if dimensions < 1:
        raise ValueError(f"{dimensions} dimensions: give at least 1")
    return nll / (dimensions * math.log(2)) + (math.log2(density_levels) if density_levels else 0.0)
