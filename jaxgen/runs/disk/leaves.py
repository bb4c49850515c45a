"""The leaves of a state: their names, their layout and what stands on disk for them."""

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
    """Returns {"dtype", "shape"} of every leaf by path, of arrays or of what `jax.eval_shape` makes of them."""
    return {path: {"dtype": str(leaf.dtype), "shape": list(leaf.shape)} for path, leaf in named_leaves(state).items()}


def describe(leaf: dict[str, Any] | None) -> str:
    """Returns a leaf of a layout as a person would write it, as in "float32[3, 4]"."""
    return "absent" if leaf is None else f"{leaf['dtype']}{leaf['shape']}"


def first_difference(one: Layout, other: Layout) -> str | None:
    """Returns the path of the first leaf that two states do not share, or None."""
    return next((path for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)), None)


def first_non_finite(state: PyTree) -> str | None:
    """Returns the path of the first leaf that holds a NaN or an infinity, or None. The leaves stay on their device."""
    numbers = {path: x for path, x in named_leaves(state).items() if jnp.issubdtype(x.dtype, jnp.inexact)}
    finite = jax.device_get(are_finite(list(numbers.values())))
    return next((path for path, ok in zip(numbers, finite, strict=True) if not ok), None)


@execute.jit_on_first_device
def are_finite(leaves: list[jax.Array]) -> jax.Array:
    """Returns bool[leaves]: whether every number of a leaf is finite."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]) if leaves else jnp.ones(0, bool)


def is_key(leaf: Any) -> bool:
    """Returns whether a leaf is a typed PRNG key, which files do not know."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def to_numbers(state: PyTree) -> PyTree:
    """Returns the state with the integers that every typed PRNG key is made of in its place."""
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, state)


def from_numbers(numbers: PyTree, template: PyTree) -> PyTree:
    """Returns the state of which `to_numbers` made the numbers; the template tells where there were keys."""

    def restore(stored: jax.Array, leaf: Any) -> jax.Array:
        if not is_key(leaf):
            return stored
        # A template without arrays tells its kind of key by the dtype alone.
        return jax.random.wrap_key_data(stored, impl=jax.random.key_impl(jnp.empty((), leaf.dtype)))

    return jax.tree.map(restore, numbers, template)


def place_numbers(template: PyTree) -> PyTree:
    """Returns what `to_numbers` would make of a template, as shapes on the template's devices or on the first one."""

    def place(leaf: Any) -> jax.ShapeDtypeStruct:
        sharding = getattr(leaf, "sharding", None) or SingleDeviceSharding(jax.local_devices()[0])
        stored = jax.eval_shape(jax.random.key_data, leaf) if is_key(leaf) else leaf
        return jax.ShapeDtypeStruct(stored.shape, stored.dtype, sharding=sharding)

    return jax.tree.map(place, template)
