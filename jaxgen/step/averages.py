"""The exponential moving average of a player's variables."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.step.state import PyTree


def decay(limit: Array, step: Array) -> Array:
    """Returns the decay of the average at a step: (1 + step) / (10 + step) until that passes `limit`.

    The first steps so leave no trace of the initial parameters in the average of a short run.

    Args:
      limit: float32[], the decay in the long run; 0 keeps no average but the newest values.
      step: int32[].
    """
    return jnp.minimum(limit, (1 + step) / (10 + step))


def average(old: PyTree, new: PyTree, decay: Array) -> PyTree:
    """Returns decay · old + (1 − decay) · new of every leaf, in the dtype of `old`."""
    return jax.tree.map(lambda a, b: (decay * a + (1 - decay) * b).astype(a.dtype), old, new)
