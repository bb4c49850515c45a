"""How an objective calls a module: variables in, output and updated statistics out; of many examples in parts."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import UsageError
from jaxgen.training.state import Batch, PyTree

EVALUATION_PART = 64
"""Held-out images whose activations are in memory at once, however many are evaluated."""


def check_images(batch: Batch) -> None:
    """Raises UsageError where a batch holds no images in floating point: gray levels up to 255 would train quietly."""
    if not isinstance(batch, Mapping) or "image" not in batch:
        raise UsageError('a batch without "image": give {"image": float[batch, height, width, channel] in [0, 1]}')
    dtype = batch["image"].dtype
    if not jnp.issubdtype(dtype, jnp.floating):
        raise UsageError(f"a batch of images of {dtype}: give floating point in [0, 1], as in images / 255")


def apply(
    module: Any, variables: PyTree, *inputs: Any, train: bool, method: str = "__call__", **named: Any
) -> tuple[Any, PyTree]:
    """Returns a module's output and its updated statistics.

    Args:
      module: a Flax module whose method takes the inputs and then `train`.
      variables: {"params": …, "stats": {collection: …}}.
      *inputs: what the method takes.
      train: whether batch statistics are computed and updated, or used as they stand.
      method: the module's method.
      **named: what else it takes, by name.
    Returns:
      (output, stats).
    """
    stats = variables["stats"]
    return module.apply(
        {"params": variables["params"], **stats}, *inputs, train=train, **named, method=method, mutable=list(stats)
    )


def at_step(module, variables: PyTree, step: Array) -> PyTree:
    """Returns a module's variables for a training step.

    Only modules with a method `at_step(variables, step)` depend on it, like those of `models.gan.growing`.
    """
    return module.at_step(variables, step) if hasattr(module, "at_step") else variables


def compares_batch(module) -> bool:
    """Returns whether a discriminator's own layers compare examples, see `heads.DiscriminatorNetwork`."""
    return getattr(module, "compares_batch", False)


def in_parts(function: Callable[[PyTree], PyTree], examples: PyTree, size: int) -> PyTree:
    """Returns what a function of examples gives for many of them, working on `size` at a time to save memory.

    Args:
      function: arrays[size, …] -> arrays[size, …], each example on its own.
      examples: arrays[n, …].
      size: of a part; fewer examples than that are one part.
    Returns:
      Arrays [n, …].
    """
    count = len(jax.tree.leaves(examples)[0])
    if count <= size:
        return function(examples)
    # The last part is filled up with the last example.
    indices = jnp.minimum(jnp.arange(count + -count % size), count - 1).reshape(-1, size)
    results = lax.map(lambda part: function(jax.tree.map(lambda x: x[part], examples)), indices)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], results)
