"""Starting a run from what another one learned, or from a file of weights."""

from pathlib import Path

import jax
import jax.numpy as jnp

from jaxgen import restorers
from jaxgen.errors import UsageError
from jaxgen.experiment.reopen import open_run
from jaxgen.step.state import PyTree, TrainState
from jaxgen.training.leaves import describe, first_difference, layout


def start_from(state: TrainState, player: str, source: str) -> TrainState:
    """Returns a state whose player has the variables of another network of the same shape.

    Args:
      state: before its first step.
      player: whose parameters, statistics and averages are replaced.
      source: a run folder, whose averaged variables of the last checkpoint are taken; the name of a shipped network; or
        a .safetensors file with its card.
    Raises:
      UsageError: if there is no such network, or it differs in an array.
    """
    variables = averaged_variables(source)
    there, here = (layout(tree) for tree in (variables, {"params": state.params[player], "stats": state.stats[player]}))
    if path := first_difference(there, here):
        raise UsageError(
            f"start {source} has another network: {path} is {describe(there.get(path))} there and "
            f"{describe(here.get(path))} here; give a run of the same network and sizes"
        )
    params, stats = (jax.tree.map(jnp.asarray, variables[kind]) for kind in ("params", "stats"))
    return state.replace(
        params=state.params | {player: params},
        stats=state.stats | {player: stats},
        ema=state.ema | {player: jax.tree.map(jnp.copy, {"params": params, "stats": stats})},
    )


def averaged_variables(source: str) -> PyTree:
    """Returns {"params": …, "stats": …} of a run's averages, or of a file of weights."""
    if not restorers.is_known(source):
        return open_run(Path(source)).variables
    stats = dict(restorers.read(source)[0])
    return {"params": stats.pop("params"), "stats": stats}
