"""How a step is run: the only jit, pmap, shard_map, scan over steps and population.

Every execution computes the same thing (tests/training/test_contract.py): the step is written once, and what differs is
where its examples lie and who averages its gradients.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec

from jaxgen.errors import UsageError, unknown
from jaxgen.training.distributed import Placement, choose_devices
from jaxgen.training.state import Batch, Metrics, PyTree, Training, TrainState

AXIS = "batch"
EXECUTIONS = ("jit", "pmap", "shard_map")
TOGETHER = ("vmap", "map", "unroll")
Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Advance = Callable[[TrainState, PyTree], tuple[TrainState, Metrics]]


class Feed(NamedTuple):
    """Where batches come from.

    Attributes:
      fetch: (first step, steps) -> payload, on the host.
      select: (payload, step, k, positions) -> batch, pure: the examples at `positions` of the batch of `step`, which is
        the payload's k-th. A streamed payload holds only this device's examples, in the order of `positions`.
      streamed: whether a payload's leaves are [steps, batch, …] and are spread over the devices, or are the whole data
        set and go to every device.
    """

    fetch: Callable[[int, int], PyTree]
    select: Callable[[PyTree, Array, Array, Array], Batch]
    streamed: bool


def batches(stacked: Batch) -> Feed:
    """Returns the feed of given batches, [steps, batch, …]: step s of a run is fed the s-th of them."""
    return Feed(
        fetch=lambda first, steps: jax.tree.map(lambda x: np.asarray(x[first : first + steps]), stacked),
        select=lambda payload, step, k, positions: jax.tree.map(lambda x: x[k], payload),
        streamed=True,
    )


def shard(batch: PyTree, parts: int, devices: int, axis: int = 0) -> PyTree:
    """Returns a chunk-major batch laid out so that every device holds its share of every part.

    Args:
      batch: arrays whose `axis` is parts × (images of one part).
      parts: chunks × microbatches: pieces of the batch that are worked on one after the other.
      devices: over how many devices each piece is spread.
      axis: which axis holds the images.
    Returns:
      Arrays with a new leading axis [devices] and parts × (a device's share) images on `axis`.
    Raises:
      UsageError: if the images of one part do not divide evenly over the devices.
    """

    def lay_out(x: np.ndarray) -> np.ndarray:
        before, count, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
        if count % (parts * devices):
            raise UsageError(
                f"{count // parts} images for each gradient do not divide over {devices} devices: "
                f"set batch_size to a multiple of {devices} × microbatches, or use fewer devices"
            )
        split = np.moveaxis(x.reshape(*before, parts, devices, -1, *after), axis + 1, 0)
        return split.reshape(devices, *before, count // devices, *after)

    return jax.tree.map(lay_out, batch)


def population(advance: Advance, members: int, together: str = "vmap") -> Advance:
    """Returns what a step, or any other function of a state and a batch, does to states with a leading axis [members].

    Args:
      advance: (state, batch) -> (state, metrics), of one member; all members are given the same batch.
      members: how many there are.
      together: "vmap" (one program over all), "map" (one after the other in a loop), "unroll" (one after the other,
        written out). The results are the same; `scripts/bench --populations` says which is fastest for a network on a
        machine.
    Raises:
      UsageError: if there is no such execution.
    """
    if together == "vmap":
        return jax.vmap(advance, in_axes=(0, None))
    if together == "map":
        return lambda states, batch: lax.map(lambda state: advance(state, batch), states)
    if together == "unroll":

        def unrolled(states: TrainState, batch: PyTree) -> tuple[TrainState, Metrics]:
            each = [advance(jax.tree.map(lambda x, i=i: x[i], states), batch) for i in range(members)]
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)

        return unrolled
    raise unknown("execution of a population", together, TOGETHER)


def fuse(step: Step, feed: Feed, steps: int) -> Advance:
    """Returns (state, (payload, positions)) -> (state, metrics[steps]): the given number of steps as one program.

    Args:
      step: the step.
      feed: where its batches come from; it is given `positions`, int32[n], the examples of a batch that a device takes.
      steps: how many.
    """

    def fused(state: TrainState, given: tuple[PyTree, Array]) -> tuple[TrainState, Metrics]:
        payload, positions = given
        one = lambda state, k: step(state, feed.select(payload, state.step, k, positions))
        return lax.scan(one, state, jnp.arange(steps), unroll=steps == 1)

    return fused


def fuse_members(advance: Advance, members: int, together: str) -> Advance:
    """Returns what `fuse` does for each member of a population, with metrics[steps, members].

    Each member takes all its steps before the next one begins where they follow one another, so that what it costs to
    take a state out of the population and to put it back is paid once for all of them.
    """
    all_members = population(advance, members, together)

    def fused(states: TrainState, given: tuple[PyTree, Array]) -> tuple[TrainState, Metrics]:
        states, metrics = all_members(states, given)
        return states, jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), metrics)

    return fused


class Program(NamedTuple):
    """A compiled run of steps.

    Attributes:
      advance: (state, first step) -> (state, metrics[steps]). Donates the state.
      place: puts a state where `advance` expects it.
      images: how many images one step takes.
      placed: the shapes of a state -> the same where `place` would put them, for reading it from a file.
      agree: what this process wants, numbers of at least 0 -> the largest that any process wants, of each, the same in
        all of them. Called once for every dispatch: among several processes what it returns is what was wanted at the
        dispatch before, so that nobody waits for it, and 0 at first.
    """

    advance: Callable[[TrainState, int], tuple[TrainState, Metrics]]
    place: Callable[[TrainState], TrainState]
    images: int
    placed: Callable[[PyTree], PyTree]
    agree: Callable[..., tuple[int, ...]]


def compile_program(
    build: Callable[[str | None], Training],
    make_feed: Callable[..., Feed],
    batch_size: int,
    *,
    steps: int = 1,
    devices: int = 1,
    execution: str = "",
    members: int = 0,
    together: str = "vmap",
) -> Program:
    """Returns the program that advances a state by a number of steps.

    Args:
      build: axis name -> the training.
      make_feed: images of one step -> feed. Among several processes it is also given `places`, int32[n]: which of these
        images this one needs, and a streamed feed fetches no others, in that order.
      batch_size: images that one gradient sees, over all devices.
      steps: how many steps one dispatch runs.
      devices: over how many devices a batch is spread, those of all processes together.
      execution: one of `EXECUTIONS`; empty: "jit" on one device and "pmap" on several, of one process, and "shard_map"
        among several processes, where pmap's output is not the whole.
      members: of a population; 0: the state is of one model. Each takes the batch of its own step where the data are in
        memory; of a streamed feed all take the same one.
      together: how members are run, one of `TOGETHER`; see `population`.
    Raises:
      UsageError: if there are fewer devices, or the batch does not divide over them.
    """
    several = jax.process_count() > 1
    execution = execution or ("shard_map" if several else "jit" if devices == 1 else "pmap")
    if execution not in EXECUTIONS:
        raise unknown("execution", execution, EXECUTIONS)
    if execution == "jit" and devices > 1:
        raise UsageError(f"jit runs on one device, not on {devices}: use pmap or shard_map")
    if execution != "shard_map" and several:
        raise UsageError(f"{execution} runs in one process, not in {jax.process_count()}: use shard_map")
    placement = Placement(choose_devices(devices), AXIS)
    axis_name = None if execution == "jit" else AXIS
    objective = build(axis_name)
    parts, images = objective.chunks * objective.microbatches, objective.chunks * batch_size
    if batch_size % objective.microbatches:
        raise UsageError(f"batch_size {batch_size} does not divide into {objective.microbatches} microbatches")
    places = shard(np.arange(images, dtype=np.int32), parts, devices)[placement.rows]
    positions = placement.lay(places)
    feed = make_feed(images, places.reshape(-1)) if several else make_feed(images)
    fused = fuse(objective.step, feed, steps)
    if members:
        fused = fuse_members(fused, members, together)
    if feed.streamed:
        # Of a batch that is read in part, each device's images lie side by side.
        pieces = (1, len(places)) if several else (parts, devices)
        fetch = lambda first: placement.lay(shard(feed.fetch(first, steps), *pieces, axis=1))
    else:
        resident = placement.replicate(feed.fetch(0, steps))
        fetch = lambda first: resident

    run = map_over_devices(fused, placement.mesh, execution, feed.streamed)
    return Program(
        advance=lambda state, first: run(state, (fetch(first), positions)),
        place=placement.replicate,
        images=images,
        placed=placement.describe,
        agree=make_agreement(placement),
    )


def make_agreement(placement: Placement) -> Callable[..., tuple[int, ...]]:
    """Returns `Program.agree` for the processes of a placement."""
    if not placement.several:
        return lambda *wanted: wanted
    largest = jax.jit(lambda wanted: wanted.max(axis=0), out_shardings=placement.everywhere)
    asked: list[Array] = []

    def agree(*wanted: int) -> tuple[int, ...]:
        rows = np.tile(np.array(wanted, np.int32), (len(placement.rows), 1))
        asked.append(largest(placement.lay(rows)))
        return tuple(np.asarray(whole(asked.pop(0))).tolist()) if len(asked) > 1 else (0,) * len(wanted)

    return agree


def map_over_devices(fused: Advance, mesh: Mesh, execution: str, streamed: bool) -> Callable:
    """Returns the compiled (state, (payload[devices, …] or payload, positions[devices, n])) -> (state, metrics).

    Args:
      fused: (state, (payload, positions)) -> (state, metrics), on one device.
      mesh: the devices, along one axis.
      execution: one of `EXECUTIONS`.
      streamed: whether the payload has a leading axis of devices too.
    """
    if execution == "pmap":
        axes, devices = (None, (0 if streamed else None, 0)), list(mesh.devices)
        return jax.pmap(fused, AXIS, in_axes=axes, out_axes=(None, None), donate_argnums=0, devices=devices)

    def on_one(state: TrainState, given: tuple[PyTree, Array]) -> tuple[TrainState, Metrics]:
        payload, positions = given
        first_of = lambda tree: jax.tree.map(lambda x: x[0], tree)
        return fused(state, (first_of(payload) if streamed else payload, first_of(positions)))

    if execution == "jit":
        return jax.jit(on_one, donate_argnums=0)
    everywhere, spread = PartitionSpec(), PartitionSpec(AXIS)
    in_specs = (everywhere, (spread if streamed else everywhere, spread))
    # With the check, gradients of replicated parameters arrive already summed, and their mean is wrong.
    mapped = jax.shard_map(on_one, mesh=mesh, in_specs=in_specs, out_specs=(everywhere, everywhere), check_vma=False)
    return jax.jit(mapped, donate_argnums=0)


def whole(tree: PyTree) -> PyTree:
    """Returns a tree that is the same on every device as arrays of the first one."""
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, Array) else x, tree)


def once(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Returns a compiled pure function of states on any number of devices, run on the first of them."""
    compiled = jax.jit(function, **options)
    return lambda *args: compiled(*whole(args))


def put_member(states: TrainState, place: Array, state: TrainState) -> TrainState:
    """Returns the states of a population with another one at a place, int32[]."""
    return jax.tree.map(lambda all_, one: all_.at[place].set(one), states, state)


def take_member(states: TrainState, place: Array) -> TrainState:
    """Returns the state at a place, int32[], of a population."""
    return jax.tree.map(lambda x: x[place], states)


def sound_members(states: TrainState) -> Array:
    """Returns bool[members]: whether every number in a member's state is finite."""
    numbers = [x for x in jax.tree.leaves(states) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.stack([jnp.isfinite(x.reshape(len(x), -1)).all(axis=1) for x in numbers]).all(axis=0)
