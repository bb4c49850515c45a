"""Training in several processes, on one host or many: how they connect, and which process does what.

Every process runs the same steps over one mesh of all their devices. The state is the same on each device, and each
process has its own part of every batch. All processes must take the same decisions at the same step: metrics and states
are the same in all of them, and `execute.Program.agree` decides on events that only one process sees, such as signals.
Only the first process writes files, except checkpoints, which Orbax writes from all processes together. The run folder
must therefore be on a disk that every host sees.
"""

import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.errors import JaxRuntimeError
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxgen.errors import UsageError
from jaxgen.training import supervision
from jaxgen.training.state import PyTree

ADDRESS = re.compile(r".+:\d{1,5}")
LOST = ("Gloo", "NCCL", "UNAVAILABLE", "coordination", "Connection", "Socket closed")
"""Words in the errors that a collective or a barrier raises once another process has ended."""


def initialize(coordinator: str, processes: int, process: int, *, connect_timeout: int, heartbeat_timeout: int) -> None:
    """Connects to the other processes. Called before anything uses a device; a second call does nothing.

    If a process cannot be reached, or ends later, JAX ends this one by SIGABRT: see `supervision`.

    Args:
      coordinator: HOST:PORT at which the first process listens; empty: JAX takes it, and the next two arguments, from
        Slurm, Kubernetes, Open MPI or a TPU pod.
      processes: their number; 0: from the cluster.
      process: index of this one, from 0; -1: from the cluster.
      connect_timeout: seconds within which all processes must connect.
      heartbeat_timeout: seconds without a heartbeat after which a process counts as lost, and all others end.
    Raises:
      UsageError: if there is no cluster, the address is not HOST:PORT, or a device was used already.
    """
    if jax.distributed.is_initialized():
        return
    if coordinator and not (ADDRESS.fullmatch(coordinator) and 0 < int(coordinator.rsplit(":", 1)[1]) < 2**16):
        raise UsageError(
            f"coordinator_address is {coordinator!r}: give the first process's HOST:PORT, a port below 65536"
        )
    # The service handles SIGTERM itself, so that the loop could not save a checkpoint.
    jax.config.update("jax_enable_preemption_service", False)
    # Without cluster detection, which can take long and choose another cluster.
    explicit: dict[str, Any] = {
        "coordinator_address": coordinator,
        "num_processes": processes,
        "process_id": process,
        "cluster_detection_method": "deactivate",
    }
    where = coordinator or "the cluster's coordinator"
    late = (
        f"not all processes came together at {where} within {connect_timeout} s: start every one of them with the same "
        "coordinator_address, see that its port is free and can be reached, or raise connect_timeout"
    )
    supervision.note(supervision.CONNECTING, late)
    try:
        jax.distributed.initialize(
            **(explicit if coordinator else {}),
            initialization_timeout=connect_timeout,
            heartbeat_timeout_seconds=heartbeat_timeout,
            shutdown_timeout_seconds=heartbeat_timeout,
        )
    except Exception as error:
        # Every kind of cluster raises errors of its own.
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"cannot join the other processes ({reason}): give coordinator_address HOST:PORT, num_processes and "
            "process_id, or start it by Slurm, Open MPI, on a TPU pod or, with jax[k8s] installed and a service "
            "account that may read pods and jobs, by Kubernetes; connect_timeout is how long they wait for one another"
        ) from error
    supervision.note(supervision.STARTING, "")


def is_first() -> bool:
    """Returns whether this process is the one that writes files; the only process of a training is."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def wait_for_all(where: str) -> None:
    """Waits until every process has called this with the same `where`."""
    if jax.distributed.is_initialized() and jax.process_count() > 1:
        multihost_utils.sync_global_devices(where)


def require_same(value: int, what: str) -> None:
    """Raises UsageError unless a whole number is the same in all processes; `what` names it in the message."""
    if jax.process_count() == 1:
        return
    values = np.ravel(multihost_utils.process_allgather(np.int32(value))).tolist()
    if len(set(values)) > 1:
        listed = ", ".join(map(str, values))
        raise UsageError(
            f"{what} differs between processes, {listed}: give a run folder in which all see the same files"
        )


def is_lost(error: BaseException) -> bool:
    """Returns whether an error was raised because another process has ended."""
    return isinstance(error, JaxRuntimeError) and jax.process_count() > 1 and any(word in str(error) for word in LOST)


def device_platform() -> str:
    """Returns the platform of the devices that programs run on: "cpu", "gpu" or "tpu"."""
    return jax.local_devices()[0].platform


def choose_devices(count: int) -> list[Any]:
    """Returns devices, equally many of each process, those of one process side by side.

    Raises:
      UsageError: if there are fewer, or they do not divide over the processes.
    """
    available, processes = jax.devices(), jax.process_count()
    if count > len(available):
        raise UsageError(f"{count} devices were asked for and {len(available)} are here: set devices to at most that")
    if count % processes:
        raise UsageError(f"{count} devices do not divide over {processes} processes: set devices to a multiple of that")
    devices_of = lambda process: [device for device in available if device.process_index == process]
    chosen = [devices_of(process)[: count // processes] for process in range(processes)]
    if sum(map(len, chosen)) < count:
        counts = ", ".join(str(len(devices_of(process))) for process in range(processes))
        raise UsageError(f"{count} devices, equally many of each process, are not here: the processes have {counts}")
    return [device for group in chosen for device in group]


class Placement:
    """How arrays are placed on the devices of all processes.

    Attributes:
      mesh: the devices, along one axis.
      platform: of the devices: "cpu", "gpu" or "tpu".
      on_every_device: sharding of arrays that are the same on each device.
      by_row: sharding of arrays that have one row of the first axis on each device.
      rows: which of those rows lie on this process's devices, int[n].
      several: whether there are devices of other processes too.
    """

    def __init__(self, devices: Sequence[Any], axis: str) -> None:
        self.mesh = Mesh(np.array(devices), (axis,), axis_types=(AxisType.Auto,))
        self.platform = devices[0].platform
        self.on_every_device = NamedSharding(self.mesh, PartitionSpec())
        self.by_row = NamedSharding(self.mesh, PartitionSpec(axis))
        self.rows = np.array([i for i, d in enumerate(devices) if d.process_index == jax.process_index()])
        self.several = len(self.rows) < len(devices)

    def replicate(self, tree: PyTree) -> PyTree:
        """Returns a tree, equal in all processes, placed on each device. Nothing is sent between processes."""
        return jax.tree.map(self._replicate, tree) if self.several else jax.device_put(tree, self.on_every_device)

    def spread(self, tree: PyTree) -> PyTree:
        """Returns arrays [devices of all processes, …] of the rows [devices of this process, …] that each gives."""
        if not self.several:
            return jax.device_put(tree, self.by_row)
        count = self.mesh.size
        spread = lambda x: jax.make_array_from_process_local_data(self.by_row, x, (count, *x.shape[1:]))
        return jax.tree.map(spread, tree)

    def place_shapes(self, template: PyTree) -> PyTree:
        """Returns the shapes of a tree with the sharding that `replicate` would give it."""
        if not self.several:
            return template
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=self.on_every_device), template)

    def _replicate(self, leaf: Array | np.ndarray) -> Array:
        if isinstance(leaf, Array) and leaf.sharding == self.on_every_device:
            return leaf
        if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            integers = self._replicate(jax.random.key_data(leaf))
            return jax.random.wrap_key_data(integers, impl=jax.random.key_impl(leaf))
        values = np.asarray(leaf)
        return jax.make_array_from_callback(values.shape, self.on_every_device, lambda index: values[index])
