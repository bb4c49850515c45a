"""Initializes the networks of a new run with the weights of another run, a shipped network or a file."""

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
from jaxgen.runs.reopen import Built, OpenOptions, build, read_config, restore, state_shapes
from jaxgen.training.state import PyTree, TrainState, averaged, current

ALL, MAIN = "all", "main"
MAX_NAMED = 4
"""Largest number of copied arrays that are listed by name."""


def init_from(
    state: TrainState,
    player: str,
    source: str,
    which: Sequence[str],
    say: Callable[[str], None],
    *,
    trust: bool = False,
) -> TrainState:
    """Copies weights into a state: each array whose path, shape and dtype exist in both networks.

    Args:
      state: the state before its first step.
      player: the main network, whose moving average is initialized too.
      source: a run folder (its last checkpoint; of the main network the moving average), the name of a shipped
        network, or a .safetensors file with its model card.
      which: networks to initialize, see `select_players`. With "all", a network that the source lacks or of which no
        array fits keeps its random initialization.
      say: takes one line for each network: the arrays that were copied, those left random, those not used.
      trust: whether the script in the run folder may be executed, see `OpenOptions`.
    Raises:
      UsageError: if there is no such source, if it lacks a network that was named, or if no array fits of the main
        network or of one that was named.
    """
    sources = load_variables(source, player, trust)
    for name, line in compare_players(state, player, source, which, sources).items():
        say(line)
        variables = {"params": state.params[name], "stats": state.stats[name]}
        variables = copy_matching(named_leaves(sources[name]), variables)
        state = state.replace(
            params=state.params | {name: variables["params"]}, stats=state.stats | {name: variables["stats"]}
        )
        if name == player:
            state = state.replace(ema=state.ema | {player: jax.tree.map(jnp.copy, variables)})
    return state


def require_source(source: str) -> None:
    """Raises UsageError where there are no weights under this name; see `init_from`."""
    if pretrained.is_network(source):
        pretrained.read(source)
    else:
        read_config(Path(source))


def check_source(state: TrainState, player: str, source: str, which: Sequence[str], *, trust: bool = False) -> None:
    """Raises UsageError where `init_from` would; only shapes are read of a run.

    Args:
      state: the shapes of the state.
      player: see `init_from`.
      source: see `init_from`.
      which: see `init_from`.
      trust: see `init_from`.
    """
    compare_players(state, player, source, which, load_variables(source, player, trust, read_state=state_shapes))


def compare_players(
    state: TrainState, player: str, source: str, which: Sequence[str], sources: dict[str, PyTree]
) -> dict[str, str]:
    """Returns a line for each network to initialize, by its name: which of its arrays the source has.

    Args:
      state: the state, or its shapes.
      player: see `init_from`.
      source: the source's name.
      which: see `init_from`.
      sources: {"params": …, "stats": …} of each network of the source.
    Raises:
      UsageError: see `init_from`.
    """
    names, lines = select_players(which, player, state.params), {}
    if missing := [name for name in names if name not in sources]:
        if ALL not in which:
            raise UsageError(f"init_from {source} has no {missing[0]}: name of {' '.join(sources)} in --init-players")
        names = [name for name in names if name in sources]
    for name in names:
        variables = {"params": state.params[name], "stats": state.stats[name]}
        label, remedy = source, "give a run of the same kind of network"
        if name != player:
            label = f"{source} ({name})"
            remedy = "" if ALL in which else f"leave {name} out of --init-players, as in --init-players {MAIN}"
        lines[name] = compare(label, layout(sources[name]), layout(variables), remedy)
    return lines


def select_players(which: Sequence[str], player: str, players: Collection[str]) -> list[str]:
    """Returns the names of the networks to initialize.

    Args:
      which: names of networks; or "all"; or "main", which stands for `player`.
      player: the main network: the generator, the restorer, the VAE.
      players: names of all networks.
    Raises:
      UsageError: for an unknown name, or an empty list.
    """
    if not which:
        raise UsageError(f"init_players is empty: give {ALL}, {MAIN}, or some of {' '.join(sorted(players))}")
    for name in which:
        if name not in (ALL, MAIN, *players):
            raise unknown("player in init_players", name, (ALL, MAIN, *players))
    chosen = {player if name == MAIN else name for name in which}
    return [name for name in players if name in chosen or ALL in which]


def copy_matching(source: dict[str, Any], variables: PyTree) -> PyTree:
    """Returns variables in which each array is replaced by the source's of the same path, shape and dtype, if any."""

    def copy(path: KeyPath, leaf: Array) -> Array:
        other = source.get(jax.tree_util.keystr(path, simple=True, separator="/"))
        same = other is not None and (other.shape, other.dtype) == (leaf.shape, leaf.dtype)
        return jnp.asarray(other) if same else leaf

    return jax.tree_util.tree_map_with_path(copy, variables)


def compare(source: str, theirs: Layout, ours: Layout, remedy: str) -> str:
    """Returns one line that says which arrays of a source fit a network.

    Args:
      source: the source's name.
      theirs: its arrays.
      ours: the arrays of the network to initialize.
      remedy: what to do where no array fits; empty: all may stay random.
    Raises:
      UsageError: if no array fits and there is a remedy.
    """
    fits = [path for path in ours if theirs.get(path) == ours[path]]
    random = [path for path in ours if path not in fits]
    unused = [path for path in theirs if path not in ours]
    if not fits:
        path = first_difference(theirs, ours)
        assert path is not None  # neither layout is empty
        reason = (
            f"init_from {source} has another network: {path} is {describe(theirs.get(path))} there and "
            f"{describe(ours.get(path))} here, and no array fits"
        )
        if remedy:
            raise UsageError(f"{reason}; {remedy}")
        return f"{reason}: all {len(ours)} stay random"
    parts = [f"{len(fits)} of {len(ours)} arrays copied" + (f" ({', '.join(fits)})" if len(fits) <= MAX_NAMED else "")]
    if random:
        parts.append("random: " + ", ".join(f"{path} ({describe(theirs.get(path))} there)" for path in random))
    if unused:
        parts.append("not used: " + ", ".join(unused))
    return f"init_from {source}: {'; '.join(parts)}"


def last_state(built: Built) -> TrainState:
    """Returns the state of a run's last checkpoint."""
    return restore(built, "last").state


def load_variables(
    source: str, player: str, trust: bool, read_state: Callable[[Built], TrainState] = last_state
) -> dict[str, PyTree]:
    """Returns {"params": …, "stats": …} of every network of a run, or of a file's only one, named `player`."""
    if pretrained.is_network(source):
        stats = dict(pretrained.read(source)[0])
        return {player: {"params": stats.pop("params"), "stats": stats}}
    built = build(Path(source), OpenOptions(trust=trust))
    state, other = read_state(built), built.objective.player
    return {player: averaged(state, other)} | {name: current(state, name) for name in state.params if name != other}
