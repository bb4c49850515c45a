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
    return total(divergence(mean, log_variance, prior_mean, prior_log_variance))


def divergence(
    mean: Array, log_variance: Array, prior_mean: float | Array = 0.0, prior_log_variance: float | Array = 0.0
) -> Array:
    """Returns KL(N(μ, σ²) ‖ N(m, s²)) of each number alone, in nats, of the shape of `mean`."""
    prior_mean = jnp.broadcast_to(prior_mean, mean.shape)
    prior_log_variance = jnp.broadcast_to(prior_log_variance, mean.shape)
    log_ratio = log_variance - prior_log_variance
    distance = (mean - prior_mean) ** 2 * jnp.exp(-prior_log_variance)
    # σ²/s² − 1 − log σ²/s² loses every digit near equality unless the first two are taken together.
    return (distance + jnp.expm1(log_ratio) - log_ratio) / 2


def free_bits(mean: Array, log_variance: Array, least: float | Array) -> Array:
    """Returns Σⱼ max(λ, KL(N(μⱼ, σⱼ²) ‖ N(0, 1))): below λ nats a latent costs no more, and is not pushed to the prior.

    The paper takes the maximum with the mean over a batch; here it is of each image alone, and so the same however a
    batch is spread over devices.

    Args:
      mean: float[batch, latent], μ.
      log_variance: float[batch, latent], log σ².
      least: λ, nats for each latent; 0 is `kl_standard_normal`.
    Returns:
      float[batch], nats.
    Raises:
      ValueError: if the shapes differ.
    Reference: Kingma et al. 2016, appendix C.8.
    """
    mean, log_variance = matched(mean, log_variance)
    return total(jnp.maximum(divergence(mean, log_variance), least))


def prior_log_ratio(mean: Array, log_variance: Array, noise: Array) -> Array:
    """Returns log p(z) − log q(z|x) at z = μ + σ·ε, for the standard normal prior and q = N(μ, diag σ²).

    Args:
      mean: float[batch, latent], μ.
      log_variance: float[batch, latent], log σ².
      noise: float[batch, samples, latent], ε.
    Returns:
      float[batch, samples], nats; its mean over ε is −KL(q ‖ p).
    Raises:
      ValueError: if the shapes do not belong together.
    Reference: Burda, Grosse, Salakhutdinov 2016, equation 8.
    """
    mean, log_variance = matched(mean, log_variance)
    if noise.ndim != 3 or (noise.shape[0], noise.shape[2]) != mean.shape:
        raise ValueError(f"noise of shape {noise.shape} for codes of shape {mean.shape}: give [batch, samples, latent]")
    noise, deviation = promoted(noise), jnp.exp(log_variance / 2)
    codes = mean[:, None] + deviation[:, None] * noise
    return ((noise**2 - codes**2).sum(-1) + log_variance.sum(-1)[:, None]) / 2


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


def discretised_logistic_nll(mean: Array, log_scale: Array, images: Array, levels: int = 256) -> Array:
    """Returns −log P(x) of independent pixels, the mass that a logistic distribution has in the bin of each level.

    The bins of black and white reach to −∞ and ∞, so that the masses of all levels add up to 1.

    Args:
      mean: float[batch, ...], μ.
      log_scale: float[batch, ...], log s, in the units of the images.
      images: float[batch, ...], of the levels 0, 1/(levels − 1), …, 1.
      levels: how many.
    Returns:
      float[batch], nats summed over pixels.
    Raises:
      ValueError: if the shapes differ.
    Reference: Kingma et al. 2016, equation 21; the bins of the ends by Salimans et al. 2017, equation 2.
    """
    mean, images = matched(mean, images)
    mean, log_scale = matched(mean, log_scale)
    half = 0.5 / (levels - 1)
    upper = (images + half - mean) * jnp.exp(-log_scale)
    lower = (images - half - mean) * jnp.exp(-log_scale)
    # σ(a) − σ(b) = σ(a) · σ(−b) · (1 − exp(b − a)), no factor of which is a difference of near equals.
    inside = jnp.log(-jnp.expm1(-2 * half * jnp.exp(-log_scale)))
    black, white = images < half, images > 1 - half
    log_mass = (
        -jnp.where(white, 0, softplus(-upper))
        - jnp.where(black, 0, softplus(lower))
        + jnp.where(black | white, 0, inside)
    )
    return -total(log_mass)


def importance_weighted_bound(log_weights: Array) -> Array:
    """Returns log (1/K) Σ wₖ, a lower bound of log p(x) in expectation that rises with the number of samples K.

    Args:
      log_weights: float[samples, batch], log p(x, zₖ) − log q(zₖ | x) with zₖ drawn from q, nats: log p(x | zₖ) plus
        the transpose of `prior_log_ratio`.
    Returns:
      float[batch], nats; the evidence lower bound where K = 1.
    Raises:
      ValueError: if there are not two axes.
    Reference: Burda, Grosse, Salakhutdinov 2016, equation 8.
    """
    log_weights = promoted(log_weights)
    if log_weights.ndim != 2:
        raise ValueError(f"log weights of shape {log_weights.shape}: give [samples, batch]")
    return logsumexp(log_weights, axis=0) - math.log(len(log_weights))
