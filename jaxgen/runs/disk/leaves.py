"""The leaves of a state: their names, their layout and their form on disk."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import SingleDeviceSharding

from jaxgen.training import execute
from jaxgen.training.state import PyTree

Layout = dict[str, dict[str, Any]]


def named_leaves(state: PyTree) -> dict[str, Any]:
    """Returns the leaves of a state by path, as in "params/model/Dense_0/kernel"."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def layout(state: PyTree) -> Layout:
    """Returns {"dtype", "shape"} of every leaf by path; leaves are arrays or `jax.ShapeDtypeStruct`s."""
    return {path: {"dtype": str(leaf.dtype), "shape": list(leaf.shape)} for path, leaf in named_leaves(state).items()}


def describe(leaf: dict[str, Any] | None) -> str:
    """Returns a leaf of a layout as text, as in "float32[3, 4]"."""
    return "absent" if leaf is None else f"{leaf['dtype']}{leaf['shape']}"


def first_difference(one: Layout, other: Layout) -> str | None:
    """Returns the path of the first leaf in which two layouts differ, or None."""
    return next((path for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)), None)


def first_non_finite(state: PyTree) -> str | None:
    """Returns the path of the first leaf that holds a NaN or an infinity, or None. The leaves stay on their device."""
    floats = {path: x for path, x in named_leaves(state).items() if jnp.issubdtype(x.dtype, jnp.inexact)}
    finite = jax.device_get(are_finite(list(floats.values())))
    return next((path for path, ok in zip(floats, finite, strict=True) if not ok), None)


@execute.jit_on_first_device
def are_finite(leaves: list[jax.Array]) -> jax.Array:
    """Returns bool[leaves]: whether every number of a leaf is finite."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]) if leaves else jnp.ones(0, bool)


def is_key(leaf: Any) -> bool:
    """Returns whether a leaf is a typed PRNG key, which cannot be stored as it is."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def to_arrays(state: PyTree) -> PyTree:
    """Returns the state with each typed PRNG key replaced by its integers."""
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, state)


def from_arrays(arrays: PyTree, template: PyTree) -> PyTree:
    """Inverts `to_arrays`; the leaves that are keys in the template become keys again."""

    def restore(stored: jax.Array, leaf: Any) -> jax.Array:
        if not is_key(leaf):
            return stored
        # A `ShapeDtypeStruct` holds the kind of key in its dtype alone.
        return jax.random.wrap_key_data(stored, impl=jax.random.key_impl(jnp.empty((), leaf.dtype)))

    return jax.tree.map(restore, arrays, template)


def array_shapes(template: PyTree) -> PyTree:
    """Returns the shapes of `to_arrays(template)`, placed on the template's devices or on the first one."""

    def describe_array(leaf: Any) -> jax.ShapeDtypeStruct:
        sharding = getattr(leaf, "sharding", None) or SingleDeviceSharding(jax.local_devices()[0])
        stored = jax.eval_shape(jax.random.key_data, leaf) if is_key(leaf) else leaf
        return jax.ShapeDtypeStruct(stored.shape, stored.dtype, sharding=sharding)

    return jax.tree.map(describe_array, template)
