"""Parameter updates: the gradient of a loss, its mean over devices, clipping, and the optimizer's step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from jaxgen.training.state import PyTree


class Descent(NamedTuple):
    """One player after one update."""

    params: PyTree
    opt_state: PyTree
    aux: PyTree
    gradient_norm: Array


def mean_over_devices(tree: PyTree, axis_name: str | None) -> PyTree:
    """Returns the mean of every leaf over the mapped axis; the tree itself where there is none."""
    return tree if axis_name is None else lax.pmean(tree, axis_name)


def gradient(loss: Callable, params: PyTree, examples: PyTree, microbatches: int = 1) -> tuple[PyTree, PyTree]:
    """Returns the mean gradient over microbatches and the mean of the auxiliary output.

    Args:
      loss: (params, examples) -> (float[], aux), a mean over the examples.
      params: what is differentiated.
      examples: arrays whose leading axis is the example.
      microbatches: parts that are differentiated one after the other: memory for one part, the gradient of all.
    Returns:
      (gradient, aux).
    """
    differentiate = jax.grad(loss, has_aux=True)
    if microbatches == 1:
        return differentiate(params, examples)
    parts = jax.tree.map(lambda x: x.reshape(microbatches, -1, *x.shape[1:]), examples)
    shapes = jax.eval_shape(differentiate, params, jax.tree.map(lambda x: x[0], parts))
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    add = lambda total, part: (jax.tree.map(jnp.add, total, differentiate(params, part)), None)
    total, _ = lax.scan(add, zeros, parts)
    return jax.tree.map(lambda x: x / microbatches, total)


def clip_by_norm(gradients: PyTree, norm: Array, limit: Array) -> PyTree:
    """Returns the gradients scaled so that their global norm is at most `limit`; unscaled where the limit is 0.

    Reference: Pascanu, Mikolov, Bengio 2013, algorithm 1.
    """
    scale = jnp.where((limit > 0) & (norm > limit), limit / norm, 1.0)
    return jax.tree.map(lambda g: (g * scale).astype(g.dtype), gradients)


def descend(
    loss: Callable,
    params: PyTree,
    opt_state: PyTree,
    optimizer: optax.GradientTransformation,
    examples: PyTree,
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
    clip_norm: Array | None = None,
) -> Descent:
    """Updates one player's parameters by the gradient of the mean loss over the global batch.

    Args:
      loss: (params, examples) -> (float[], aux), a mean over the examples.
      params: the player's parameters.
      opt_state: the player's optimizer state.
      optimizer: built inside the step from hyper, so that hyperparameters are traced.
      examples: arrays whose leading axis is the example, this device's part.
      axis_name: the mapped axis over which gradient and aux are averaged, or None.
      microbatches: see `gradient`.
      clip_norm: float32[], the largest global norm of the gradient; 0 or None leaves it as it is.
    Returns:
      Descent. `gradient_norm` is the global norm before clipping.
    """
    gradients, aux = mean_over_devices(gradient(loss, params, examples, microbatches), axis_name)
    norm = optax.tree.norm(gradients)
    if clip_norm is not None:
        gradients = clip_by_norm(gradients, norm, clip_norm)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return Descent(optax.apply_updates(params, updates), opt_state, aux, norm)
