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

from jaxgen.data.feed import Feed
from jaxgen.errors import UsageError, unknown
from jaxgen.platforms import trace_for
from jaxgen.training.distributed import Placement, choose_devices
from jaxgen.training.state import Batch, Metrics, PyTree, Training, TrainState
from jaxgen.training.step_metrics import StepMetrics, stack_metrics

AXIS = "batch"
EXECUTIONS = ("jit", "shard_map", "pmap")
MEMBER_EXECUTIONS = ("vmap", "map", "unroll")
Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Inputs = tuple[PyTree, Array]
"""The payload of a feed, and the positions in the batch of the examples that a device takes, int32[n]."""
Advance = Callable[[TrainState, Any], tuple[TrainState, Metrics]]


def shard(batch: PyTree, parts: int, devices: int, axis: int = 0) -> PyTree:
    """Returns a chunk-major batch laid out so that every device holds an equal number of examples of every part.

    Args:
      batch: arrays whose `axis` is parts × (images of one part).
      parts: chunks × microbatches: parts of the batch that are processed one after the other.
      devices: over how many devices each part is spread.
      axis: which axis holds the images.
    Returns:
      Arrays with a new leading axis [devices] and parts × (images of one part on one device) images on `axis`.
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


def population(advance: Advance, members: int, member_execution: str = "vmap") -> Advance:
    """Returns a function of states with a leading axis [members] that does to each what `advance` does to one.

    Args:
      advance: (state, inputs) -> (state, metrics), of one member; all members get the same inputs.
      members: how many there are.
      member_execution: "vmap" (one program over all), "map" (one after the other in a loop), "unroll" (one after the
        other, written out). The results are the same; `scripts/bench --populations` measures which is fastest.
    Raises:
      UsageError: if there is no such execution.
    """
    if member_execution == "vmap":
        return jax.vmap(advance, in_axes=(0, None))
    if member_execution == "map":
        return lambda states, inputs: lax.map(lambda state: advance(state, inputs), states)
    if member_execution == "unroll":

        def unrolled(states: TrainState, inputs: Any) -> tuple[TrainState, Metrics]:
            each = [advance(jax.tree.map(lambda x, i=i: x[i], states), inputs) for i in range(members)]
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)

        return unrolled
    raise unknown("execution of a population", member_execution, MEMBER_EXECUTIONS)


def fuse_steps(step: Step, feed: Feed, steps: int) -> Advance:
    """Returns (state, inputs) -> (state, metrics[steps]): the given number of steps as one program."""

    def fused(state: TrainState, inputs: Inputs) -> tuple[TrainState, Metrics]:
        payload, positions = inputs
        one = lambda state, k: step(state, feed.select(payload, state.step, k, positions))
        return lax.scan(one, state, jnp.arange(steps), unroll=steps == 1)

    return fused


def fuse_members(advance: Advance, members: int, member_execution: str) -> Advance:
    """Returns `population` of several steps, with metrics[steps, members].

    Where members follow one another each takes all its steps before the next one begins, so that a state is taken out
    of the population and put back once for all of them.
    """
    all_members = population(advance, members, member_execution)

    def fused(states: TrainState, inputs: Inputs) -> tuple[TrainState, Metrics]:
        states, metrics = all_members(states, inputs)
        return states, jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), metrics)

    return fused


class Program(NamedTuple):
    """A compiled run of steps.

    Attributes:
      advance: (state, first step) -> (state, metrics of each step). Donates the state.
      place: puts a state where `advance` expects it.
      images_per_step: how many images one step takes.
      place_shapes: the shapes of a state -> the same with the sharding of `place`, for reading it from a file.
      agree: whole numbers of at least 0 -> the maximum of each over all processes, the same in all of them. Called once
        for every dispatch. Among several processes it returns the maxima of the numbers given at the dispatch before,
        so that nobody waits for them, and 0 at first.
    """

    advance: Callable[[TrainState, int], tuple[TrainState, StepMetrics]]
    place: Callable[[TrainState], TrainState]
    images_per_step: int
    place_shapes: Callable[[PyTree], PyTree]
    agree: Callable[..., tuple[int, ...]]


def choose_execution(execution: str, devices: int) -> str:
    """Returns one of `EXECUTIONS`, for "" "jit" on one device and "shard_map" on several or among several processes.

    Raises:
      UsageError: if there is no such execution, or it cannot run on so many devices and processes.
    """
    processes = jax.process_count()
    execution = execution or ("shard_map" if max(devices, processes) > 1 else "jit")
    if execution not in EXECUTIONS:
        raise unknown("execution", execution, EXECUTIONS)
    if execution == "jit" and devices > 1:
        raise UsageError(f"jit runs on one device, not on {devices}: use shard_map or pmap")
    if execution != "shard_map" and processes > 1:
        raise UsageError(f"{execution} runs in one process, not in {processes}: use shard_map")
    return execution


def compile_program(
    build: Callable[[str | None], Training],
    make_feed: Callable[..., Feed],
    batch_size: int,
    *,
    steps: int = 1,
    devices: int = 1,
    execution: str = "",
    members: int = 0,
    member_execution: str = "vmap",
) -> Program:
    """Returns the program that advances a state by a number of steps.

    Args:
      build: axis name -> the training.
      make_feed: images of one step -> feed. Among several processes it is also given the positions in the batch of the
        images that this process needs, int32[n], and a streamed feed fetches no others, in that order.
      batch_size: images that one gradient sees, over all devices.
      steps: how many steps one dispatch runs.
      devices: over how many devices a batch is spread, those of all processes together.
      execution: one of `EXECUTIONS`, or "", see `choose_execution`.
      members: of a population; 0: the state is of one model. Each takes the batch of its own step where the data are in
        memory; of a streamed feed all take the same one.
      member_execution: how members are run, one of `MEMBER_EXECUTIONS`; see `population`.
    Raises:
      UsageError: if there are fewer devices, or the batch does not divide over them.
    """
    several = jax.process_count() > 1
    execution = choose_execution(execution, devices)
    placement = Placement(choose_devices(devices), AXIS)
    objective = build(None if execution == "jit" else AXIS)
    parts, images = objective.chunks * objective.microbatches, objective.chunks * batch_size
    if batch_size % objective.microbatches:
        raise UsageError(f"batch_size {batch_size} does not divide into {objective.microbatches} microbatches")
    own = shard(np.arange(images, dtype=np.int32), parts, devices)[placement.rows]
    positions = placement.spread(own)
    feed = make_feed(images, own.reshape(-1)) if several else make_feed(images)
    fused = fuse_steps(objective.step, feed, steps)
    if members:
        fused = fuse_members(fused, members, member_execution)
    if feed.streamed:
        # Of a batch that is read in part, each device's images lie side by side.
        pieces = (1, len(own)) if several else (parts, devices)
        fetch = lambda first: placement.spread(shard(feed.fetch(first, steps), *pieces, axis=1))
    else:
        resident = placement.replicate(feed.fetch(0, steps))
        fetch = lambda first: resident

    run = map_over_devices(trace_for([placement.platform], fused), placement.mesh, execution, feed.streamed)

    def advance(state: TrainState, first: int) -> tuple[TrainState, StepMetrics]:
        state, metrics = run(state, (fetch(first), positions))
        for array in (metrics.finite, metrics.values):
            array.copy_to_host_async()
        return state, metrics

    return Program(
        advance=advance,
        place=placement.replicate,
        images_per_step=images,
        place_shapes=placement.place_shapes,
        agree=make_agreement(placement),
    )


def make_agreement(placement: Placement) -> Callable[..., tuple[int, ...]]:
    """Returns `Program.agree` for the processes of a placement."""
    if not placement.several:
        return lambda *numbers: numbers
    maximum = jax.jit(lambda numbers: numbers.max(axis=0), out_shardings=placement.on_every_device)
    pending: list[Array] = []

    def agree(*numbers: int) -> tuple[int, ...]:
        rows = np.tile(np.array(numbers, np.int32), (len(placement.rows), 1))
        pending.append(maximum(placement.spread(rows)))
        if len(pending) == 1:
            return (0,) * len(numbers)
        return tuple(np.asarray(first_replica(pending.pop(0))).tolist())

    return agree


def map_over_devices(fused: Advance, mesh: Mesh, execution: str, streamed: bool) -> Callable:
    """Returns the compiled (state, (payload, positions[devices, n])) -> (state, metrics of each step).

    Args:
      fused: (state, inputs) -> (state, metrics[steps]), on one device.
      mesh: the devices, along one axis.
      execution: one of `EXECUTIONS`.
      streamed: whether the payload has a leading axis of devices too.
    """

    def on_each(state: TrainState, inputs: Inputs) -> tuple[TrainState, StepMetrics]:
        state, metrics = fused(state, inputs)
        return state, stack_metrics(metrics)

    if execution == "pmap":
        axes, devices = (None, (0 if streamed else None, 0)), list(mesh.devices)
        return jax.pmap(on_each, AXIS, in_axes=axes, out_axes=(None, None), donate_argnums=0, devices=devices)

    def on_shard(state: TrainState, inputs: Inputs) -> tuple[TrainState, StepMetrics]:
        payload, positions = inputs
        first_row = lambda tree: jax.tree.map(lambda x: x[0], tree)
        return on_each(state, (first_row(payload) if streamed else payload, first_row(positions)))

    if execution == "jit":
        return jax.jit(on_shard, donate_argnums=0)
    replicated, spread = PartitionSpec(), PartitionSpec(AXIS)
    in_specs = (replicated, (spread if streamed else replicated, spread))
    # With the check, gradients of replicated parameters arrive already summed, and their mean is wrong.
    mapped = jax.shard_map(on_shard, mesh=mesh, in_specs=in_specs, out_specs=(replicated, replicated), check_vma=False)
    return jax.jit(mapped, donate_argnums=0)


def first_replica(tree: PyTree) -> PyTree:
    """Returns arrays that are the same on every device as arrays on the first one."""
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, Array) else x, tree)


def jit_on_first_device(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Returns a compiled pure function of states on any number of devices, run on the first of them."""
    compiled = jax.jit(function, **options)
    return lambda *args: compiled(*first_replica(args))


def put_member(states: TrainState, index: Array, state: TrainState) -> TrainState:
    """Returns the states of a population with another one at an index, int32[]."""
    return jax.tree.map(lambda all_, one: all_.at[index].set(one), states, state)


def take_member(states: TrainState, index: Array) -> TrainState:
    """Returns the state at an index, int32[], of a population."""
    return jax.tree.map(lambda x: x[index], states)


def finite_members(states: TrainState) -> Array:
    """Returns bool[members]: whether every number in a member's state is finite."""
    numbers = [x for x in jax.tree.leaves(states) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.stack([jnp.isfinite(x.reshape(len(x), -1)).all(axis=1) for x in numbers]).all(axis=0)
