"""Starting a run from what another one learned, or from a file of weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import KeyPath

from jaxgen import restorers
from jaxgen.errors import UsageError
from jaxgen.experiment.reopen import build, restore
from jaxgen.step.state import PyTree, TrainState, averaged, current
from jaxgen.training.leaves import Layout, describe, first_difference, layout, named_leaves


def start_from(state: TrainState, player: str, source: str, which: str, say: Callable[[str], None]) -> TrainState:
    """Returns a state whose players have the variables of other networks, as far as both have the same arrays.

    Args:
      state: before its first step.
      player: that makes pictures: its averages are those of the other network too.
      source: a run folder, whose last checkpoint is taken, averaged where it makes pictures; the name of a shipped
        network; or a .safetensors file with its card.
      which: "all" players that a run has by the same name, or the one that makes "pictures" alone.
      say: takes a line for each player that tells which arrays were taken, which start anew and which were left.
    Raises:
      UsageError: if there is no such network, or nothing of what makes pictures fits.
    """
    there = networks(source, player)
    for name in [name for name in there if name in state.params and (which == "all" or name == player)]:
        variables = {"params": state.params[name], "stats": state.stats[name]}
        line = compare(source if name == player else f"{source} ({name})", layout(there[name]), layout(variables))
        variables = taken(named_leaves(there[name]), variables)
        state = state.replace(
            params=state.params | {name: variables["params"]}, stats=state.stats | {name: variables["stats"]}
        )
        if name == player:
            state = state.replace(ema=state.ema | {player: jax.tree.map(jnp.copy, variables)})
        say(line)
    return state


def taken(there: dict[str, Any], variables: PyTree) -> PyTree:
    """Returns variables with the arrays of others where both have one of the same path, shape and dtype."""

    def take(path: KeyPath, leaf: Array) -> Array:
        other = there.get(jax.tree_util.keystr(path, simple=True, separator="/"))
        same = other is not None and (other.shape, other.dtype) == (leaf.shape, leaf.dtype)
        return jnp.asarray(other) if same else leaf

    return jax.tree_util.tree_map_with_path(take, variables)


def compare(source: str, there: Layout, here: Layout) -> str:
    """Returns which arrays of a network fit another one, in words, or raises UsageError where none does."""
    anew = [path for path in here if there.get(path) != here[path]]
    left = [path for path in there if path not in here]
    if len(anew) == len(here):
        path = first_difference(there, here)
        raise UsageError(
            f"start {source} has another network: {path} is {describe(there.get(path))} there and "
            f"{describe(here.get(path))} here, and no array fits; give a run of a network of the same kind"
        )
    parts = [f"{len(here) - len(anew)} of {len(here)} arrays taken"]
    if anew:
        parts.append("anew: " + ", ".join(f"{path} ({describe(there.get(path))} there)" for path in anew))
    if left:
        parts.append("left: " + ", ".join(left))
    return f"start {source}: {'; '.join(parts)}"


def networks(source: str, player: str) -> dict[str, PyTree]:
    """Returns {"params": …, "stats": …} of a run's players, or of a file; what makes pictures goes by `player`."""
    if restorers.is_known(source):
        stats = dict(restorers.read(source)[0])
        return {player: {"params": stats.pop("params"), "stats": stats}}
    built = build(Path(source))
    state, other = restore(Path(source), built.objective, built.image_shape, "last").state, built.objective.player
    return {player: averaged(state, other)} | {name: current(state, name) for name in state.params if name != other}
