"""Cross-entropies between labels and logits, in nats."""

import jax.numpy as jnp
from jax import Array
from jax.nn import logsumexp

from jaxgen.losses.per_example import promoted
from jaxgen.losses.variational import bernoulli_nll


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Returns −log p(label).

    Args:
      logits: float[batch, classes].
      labels: int[batch], in [0, classes); a label outside gives NaN.
    Returns:
      float[batch], nats.
    Raises:
      ValueError: if there is not one integer label for each row of logits.
    """
    if jnp.shape(labels) != jnp.shape(logits)[:-1] or not jnp.issubdtype(jnp.result_type(labels), jnp.integer):
        raise ValueError(
            f"labels of {jnp.result_type(labels)}{list(jnp.shape(labels))} for logits of shape {jnp.shape(logits)}: "
            "give one integer class for each row"
        )
    logits = promoted(logits)
    chosen = jnp.take_along_axis(logits, jnp.asarray(labels)[..., None], axis=-1)[..., 0]
    return logsumexp(logits, axis=-1) - chosen


def binary_cross_entropy(logits: Array, labels: Array) -> Array:
    """Returns −log p(label) of a label that is 0 or 1.

    Args:
      logits: float[batch], log p/(1 − p) of label 1.
      labels: [batch] in {0, 1}, or in between for soft labels.
    Returns:
      float[batch], nats.
    Raises:
      ValueError: if the shapes differ.
    """
    return bernoulli_nll(logits, labels)
