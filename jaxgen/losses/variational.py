"""Terms of the variational bound, in nats, summed over everything but the batch."""

import math

import jax.numpy as jnp
from jax import Array
from jax.nn import logsumexp, softplus

from jaxgen.losses.per_example import matched, promoted, total


def kl_standard_normal(mean: Array, log_variance: Array) -> Array:
    """Returns KL(N(μ, diag σ²) ‖ N(0, 1)).

    Args:
      mean: float[batch, ...], μ.
      log_variance: float[batch, ...], log σ².
    Returns:
      float[batch], nats.
    Raises:
      ValueError: if the shapes differ.
    Reference: Kingma and Welling 2014, appendix B.
    """
    return kl_normal(mean, log_variance, 0.0, 0.0)


def kl_normal(mean: Array, log_variance: Array, prior_mean: float | Array, prior_log_variance: float | Array) -> Array:
    """Returns KL(N(μ, diag σ²) ‖ N(m, diag s²)).

    Args:
      mean: float[batch, ...], μ.
      log_variance: float[batch, ...], log σ².
      prior_mean: m, of the shape of `mean` or broadcast to it.
      prior_log_variance: log s², of the shape of `mean` or broadcast to it.
    Returns:
      float[batch], nats.
    Raises:
      ValueError: if the shapes of mean and log_variance differ, or the prior's do not broadcast to them.
    Reference: Kingma and Welling 2014, appendix B, for a prior of any mean and variance.
    """
    mean, log_variance = matched(mean, log_variance)
    prior_mean = jnp.broadcast_to(prior_mean, mean.shape)
    prior_log_variance = jnp.broadcast_to(prior_log_variance, mean.shape)
    log_ratio = log_variance - prior_log_variance
    distance = (mean - prior_mean) ** 2 * jnp.exp(-prior_log_variance)
    # σ²/s² − 1 − log σ²/s² loses every digit near equality unless the first two are taken together.
    return total(distance + jnp.expm1(log_ratio) - log_ratio) / 2


def bernoulli_nll(logits: Array, images: Array) -> Array:
    """Returns −log p(x) of independent Bernoulli pixels.

    Args:
      logits: float[batch, ...], log p/(1 − p) of each pixel.
      images: float[batch, ...] in [0, 1]; an intensity between counts as that share of ones.
    Returns:
      float[batch], nats summed over pixels.
    Raises:
      ValueError: if the shapes differ.
    Reference: Kingma and Welling 2014, appendix C.1.
    """
    logits, images = matched(logits, images)
    return total(softplus(logits) - images * logits)


def gaussian_nll(mean: Array, images: Array, scale: float | Array) -> Array:
    """Returns −log N(x; μ, scale²) of independent Gaussian pixels, with its constant.

    Args:
      mean: float[batch, ...], μ.
      images: float[batch, ...], x.
      scale: standard deviation in units of the images, of the shape of `images` or broadcast to it.
    Returns:
      float[batch], nats summed over pixels.
    Raises:
      ValueError: if the shapes of mean and images differ, or the scale's does not broadcast to them.
    Reference: Kingma and Welling 2014, appendix C.2.
    """
    mean, images = matched(mean, images)
    scale = jnp.broadcast_to(scale, images.shape)
    return total(((images - mean) / scale) ** 2 / 2 + jnp.log(scale) + math.log(2 * math.pi) / 2)


def importance_weighted_bound(log_weights: Array) -> Array:
    """Returns log (1/K) Σ wₖ, a lower bound of log p(x) in expectation that rises with the number of samples K.

    Args:
      log_weights: float[samples, batch], log p(x, zₖ) − log q(zₖ | x) with zₖ drawn from q, nats.
    Returns:
      float[batch], nats; the evidence lower bound where K = 1.
    Reference: Burda, Grosse, Salakhutdinov 2016, equation 8.
    """
    log_weights = promoted(log_weights)
    return logsumexp(log_weights, axis=0) - math.log(len(log_weights))
