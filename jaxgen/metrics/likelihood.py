"""The likelihood of images under a model of which only importance weights can be drawn."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.nn import logsumexp


class Estimate(NamedTuple):
    """What importance sampling tells of a batch.

    Attributes:
      log_likelihood: float[batch], nats.
      effective: float[batch], the number of equal weights that the estimate is as good as; near 1 one code decides it.
      bound: float[batch], the mean log weight: the evidence lower bound, nats.
    """

    log_likelihood: Array
    effective: Array
    bound: Array


def importance_sampling(log_weights: Callable[[Array], Array], key: Array, count: int) -> Estimate:
    """Returns log (1/K) Σₖ wₖ over K weights, drawn in chunks of which memory holds one at a time.

    Args:
      log_weights: key -> float[samples, batch], log p(x, zₖ) − log q(zₖ | x) with zₖ drawn from q, nats.
      key: one key, from which each chunk has its own.
      count: K; of the last chunk's weights those that are more are left out.
    Returns:
      Estimate of `count` weights.
    Raises:
      ValueError: if there is no weight.
    Reference: Burda, Grosse, Salakhutdinov 2016, equation 8 and section 5; Kong 1992, for the effective number.
    """
    if count < 1:
        raise ValueError(f"{count} weights: give at least 1")
    samples, batch = jax.eval_shape(log_weights, key).shape

    def add(sums: tuple[Array, Array, Array], index: Array) -> tuple[tuple[Array, Array, Array], None]:
        total, squares, plain = sums
        drawn = log_weights(jax.random.fold_in(key, index))
        counted = (index * samples + jnp.arange(samples) < count)[:, None]
        likely = jnp.where(counted, drawn, -jnp.inf)
        total = jnp.logaddexp(total, logsumexp(likely, axis=0))
        squares = jnp.logaddexp(squares, logsumexp(2 * likely, axis=0))
        return (total, squares, plain + jnp.where(counted, drawn, 0).sum(0)), None

    nothing = jnp.full(batch, -jnp.inf)
    (total, squares, plain), _ = lax.scan(add, (nothing, nothing, jnp.zeros(batch)), jnp.arange(-(-count // samples)))
    return Estimate(total - math.log(count), jnp.exp(2 * total - squares), plain / count)


def bits_per_dimension(nll: Array, dimensions: int, density_levels: int = 0) -> Array:
    """Returns how many bits a lossless code of the images takes for each of their numbers.

    Args:
      nll: −log p(x), nats, of any shape.
      dimensions: numbers in an image: height · width · channels.
      density_levels: of the images whose range [0, 1] a density was fitted to, after noise of one level was added; 0
        where p is a probability of the levels themselves.
    Raises:
      ValueError: if there is no dimension.
    Reference: Theis, van den Oord, Bethge 2016, section 3.1.
    """
    if dimensions < 1:
        raise ValueError(f"{dimensions} dimensions: give at least 1")
    return nll / (dimensions * math.log(2)) + (math.log2(density_levels) if density_levels else 0.0)
