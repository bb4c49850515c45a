"""Averages of a player's variables over the steps of a run."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.training.state import PyTree


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


def running_mean(old: PyTree, new: PyTree, step: Array) -> PyTree:
    """Returns the mean of all values up to now, in the dtype of `old`.

    Args:
      old: the mean of the initial values and those after each of `step` steps.
      new: the newest values.
      step: int32[].
    """
    return jax.tree.map(lambda a, b: (a + (b - a) / (step + 2)).astype(a.dtype), old, new)


def squared_distance(params: PyTree, held: PyTree) -> Array:
    """Returns ‖params − held‖₂², with no gradient to `held`."""
    differences = jax.tree.map(lambda a, b: jnp.sum((a - jax.lax.stop_gradient(b)) ** 2), params, held)
    return jax.tree.reduce(jnp.add, differences)
