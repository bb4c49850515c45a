"""One random key for each example, so that its noise does not depend on the rest of the batch."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def per_example(key: Array, count: int) -> Array:
    """Returns one key for each example: `key` itself, or a single key folded with each example's index.

    Args:
      key: one key, or key[count], one for each example; of `jax.random.key` or of the older `jax.random.PRNGKey`.
      count: number of examples.
    Returns:
      key[count].
    Raises:
      ValueError: if `key` is no array, or neither a single key nor one for each example.
    """
    if not isinstance(key, jax.Array | np.ndarray):
        raise ValueError(f"a key of type {type(key).__name__}: give jax.random.key(seed)")
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.wrap_key_data(key)
    if key.ndim == 0:
        return jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count))
    if key.shape != (count,):
        raise ValueError(f"keys of shape {key.shape} for {count} examples: give one key, or one for each example")
    return key
