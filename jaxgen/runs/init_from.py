"""Starting a run from what another one learned, or from a file of weights."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import KeyPath

from jaxgen.errors import UsageError, unknown
from jaxgen.restoration import pretrained
from jaxgen.runs.disk.leaves import Layout, describe, first_difference, layout, named_leaves
from jaxgen.runs.reopen import build, restore
from jaxgen.training.state import PyTree, TrainState, averaged, current

ALL, PICTURES = "all", "pictures"
FEW = 4
"""Arrays that are named where no more were taken."""


def start_from(
    state: TrainState, player: str, source: str, which: Sequence[str], say: Callable[[str], None]
) -> TrainState:
    """Returns a state whose players have the variables of other networks, as far as both have the same arrays.

    Args:
      state: before its first step.
      player: that makes pictures: its averages are those of the other network too.
      source: a run folder, whose last checkpoint is taken, averaged where it makes pictures; the name of a shipped
        network; or a .safetensors file with its card.
      which: see `choose`. With "all", players that the other run lacks, or of which nothing fits, start anew.
      say: takes a line for each player that tells which arrays were taken, which start anew and which were left.
    Raises:
      UsageError: if there is no such network, if it lacks a player that was named, or if nothing of what makes pictures
        or was named fits.
    """
    names, there = choose(which, player, state.params), networks(source, player)
    if missing := [name for name in names if name not in there]:
        if ALL not in which:
            raise UsageError(f"start {source} has no {missing[0]}: name of {' '.join(there)} in --start-with")
        names = [name for name in names if name in there]
    for name in names:
        variables = {"params": state.params[name], "stats": state.stats[name]}
        shown, remedy = source, "give a run of a network of the same kind"
        if name != player:
            shown = f"{source} ({name})"
            remedy = "" if ALL in which else f"leave {name} out of --start-with, as in --start-with {PICTURES}"
        say(compare(shown, layout(there[name]), layout(variables), remedy))
        variables = taken(named_leaves(there[name]), variables)
        state = state.replace(
            params=state.params | {name: variables["params"]}, stats=state.stats | {name: variables["stats"]}
        )
        if name == player:
            state = state.replace(ema=state.ema | {player: jax.tree.map(jnp.copy, variables)})
    return state


def choose(which: Sequence[str], player: str, players: Collection[str]) -> list[str]:
    """Returns the players that start from another run.

    Args:
      which: names of players; or "all"; or "pictures", the one that makes pictures.
      player: that makes pictures.
      players: all that there are.
    Raises:
      UsageError: for a name that is none of these, or none at all.
    """
    if not which:
        raise UsageError(f"start_with names nothing: give {ALL}, {PICTURES}, or some of {' '.join(sorted(players))}")
    for name in which:
        if name not in (ALL, PICTURES, *players):
            raise unknown("player in start_with", name, (ALL, PICTURES, *players))
    meant = {player if name == PICTURES else name for name in which}
    return [name for name in players if name in meant or ALL in which]


def taken(there: dict[str, Any], variables: PyTree) -> PyTree:
    """Returns variables with the arrays of others where both have one of the same path, shape and dtype."""

    def take(path: KeyPath, leaf: Array) -> Array:
        other = there.get(jax.tree_util.keystr(path, simple=True, separator="/"))
        same = other is not None and (other.shape, other.dtype) == (leaf.shape, leaf.dtype)
        return jnp.asarray(other) if same else leaf

    return jax.tree_util.tree_map_with_path(take, variables)


def compare(source: str, there: Layout, here: Layout, remedy: str) -> str:
    """Returns which arrays of a network fit another one, in words.

    Args:
      source: whose network.
      there: its arrays.
      here: those of the other one.
      remedy: what to do where none fits; empty: all may start anew.
    Raises:
      UsageError: if none fits and there is a remedy.
    """
    fits = [path for path in here if there.get(path) == here[path]]
    anew = [path for path in here if path not in fits]
    left = [path for path in there if path not in here]
    if not fits:
        path = first_difference(there, here)
        told = (
            f"start {source} has another network: {path} is {describe(there.get(path))} there and "
            f"{describe(here.get(path))} here, and no array fits"
        )
        if remedy:
            raise UsageError(f"{told}; {remedy}")
        return f"{told}: all {len(here)} start anew"
    parts = [f"{len(fits)} of {len(here)} arrays taken" + (f" ({', '.join(fits)})" if len(fits) <= FEW else "")]
    if anew:
        parts.append("anew: " + ", ".join(f"{path} ({describe(there.get(path))} there)" for path in anew))
    if left:
        parts.append("left: " + ", ".join(left))
    return f"start {source}: {'; '.join(parts)}"


def networks(source: str, player: str) -> dict[str, PyTree]:
    """Returns {"params": …, "stats": …} of a run's players, or of a file; what makes pictures goes by `player`."""
    if pretrained.is_known(source):
        stats = dict(pretrained.read(source)[0])
        return {player: {"params": stats.pop("params"), "stats": stats}}
    built = build(Path(source))
    state, other = restore(Path(source), built.objective, built.image_shape, "last").state, built.objective.player
    return {player: averaged(state, other)} | {name: current(state, name) for name in state.params if name != other}
