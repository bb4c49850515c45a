"""Starting a run from what another one learned, or from a file of weights."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import KeyPath

from jaxgen import restorers
from jaxgen.errors import UsageError
from jaxgen.experiment.reopen import open_run
from jaxgen.step.state import PyTree, TrainState
from jaxgen.training.leaves import Layout, describe, first_difference, layout, named_leaves


def start_from(state: TrainState, player: str, source: str, say: Callable[[str], None]) -> TrainState:
    """Returns a state whose player has the variables of another network, as far as both have the same arrays.

    Args:
      state: before its first step.
      player: whose parameters, statistics and averages are replaced.
      source: a run folder, whose averaged variables of the last checkpoint are taken; the name of a shipped network; or
        a .safetensors file with its card.
      say: takes the line that tells which arrays were taken, which start anew and which were left.
    Raises:
      UsageError: if there is no such network, or none of its arrays fits.
    """
    there = named_leaves(averaged_variables(source))
    variables = {"params": state.params[player], "stats": state.stats[player]}
    line = compare(source, layout(there), layout(variables))

    def take(path: KeyPath, leaf: Array) -> Array:
        other = there.get(jax.tree_util.keystr(path, simple=True, separator="/"))
        same = other is not None and (other.shape, other.dtype) == (leaf.shape, leaf.dtype)
        return jnp.asarray(other) if same else leaf

    variables = jax.tree_util.tree_map_with_path(take, variables)
    say(line)
    return state.replace(
        params=state.params | {player: variables["params"]},
        stats=state.stats | {player: variables["stats"]},
        ema=state.ema | {player: jax.tree.map(jnp.copy, variables)},
    )


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


def averaged_variables(source: str) -> PyTree:
    """Returns {"params": …, "stats": …} of a run's averages, or of a file of weights."""
    if not restorers.is_known(source):
        return open_run(Path(source)).variables
    stats = dict(restorers.read(source)[0])
    return {"params": stats.pop("params"), "stats": stats}
