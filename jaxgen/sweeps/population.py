"""A population: many runs as the members of one compiled program, which differ in their seeds and hyperparameters.

All members advance by the same number of steps at a time. A member that has ended makes room for the next run, which
starts at its own step 0 with the batches that it would see alone. Nothing is compiled again.

A member equals its solo run to 1e-9 in float64, and to 1e-5 after ten steps in float32, batched or one after the other.
Unstable training amplifies rounding: of a GAN with batch normalization over 8 images, batched, the states differed by
3e-5 after one step and by 0.1 after ten.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.data import Feed
from jaxgen.errors import UsageError
from jaxgen.runs.init_from import init_from
from jaxgen.runs.train import Build, Prepared, batch_shapes
from jaxgen.training import execute
from jaxgen.training.distributed import device_platform
from jaxgen.training.state import TrainState


def choose_execution(step: Callable, state: TrainState, batch: Any) -> str:
    """Returns how to run the members of a step on this machine, "vmap" or "map".

    On a CPU, `vmap` turns a convolution whose kernels differ between members into a grouped one, which is 3.3 to 7
    times slower. One member after the other takes 0.88 to 1.08 times the time of solo runs in a loop (`map`), and 0.90
    to 1.07 times unrolled, which compiles ten times longer and takes two to three times the memory. Matrix products are
    faster with `vmap` (0.85). Measured by `scripts/bench --populations` with 16 members on two cores; not on
    accelerators.
    """
    if device_platform() != "cpu":
        return "vmap"
    return "map" if "conv_general_dilated" in str(jax.make_jaxpr(step)(state, batch)) else "vmap"


def require_in_memory(make: Callable[..., Feed]) -> Callable[..., Feed]:
    """Returns a feed factory that refuses streamed data: a stream reads ahead for one step only.

    Raises:
      UsageError: from the factory, if the data are streamed.
    """

    def make_in_memory(images: int) -> Feed:
        feed = make(images)
        if feed.streamed:
            raise UsageError("a population needs its data in memory: raise --data.memory, or lower --data.fraction")
        return feed

    return make_in_memory


class Population:
    """A fixed number of slots, each with a run, that advance together.

    Attributes:
      size: number of slots.
      execution: how members are run, one of `execute.MEMBER_EXECUTIONS`.
      seconds: time spent in compiled programs, by "compiling" and "training".
    """

    def __init__(self, prepared: Prepared, build: Build, size: int, execution: str | None) -> None:
        """Creates the programs. Each is compiled at its first call.

        Args:
          prepared: the experiment's objective and data.
          build: the experiment's function of that name.
          size: number of slots.
          execution: one of `execute.MEMBER_EXECUTIONS`; None: the fastest.
        Raises:
          UsageError: if the experiment ends by itself, or its data are not in memory.
        """
        objective, batch = prepared.objective, prepared.first
        if objective.finished:
            raise UsageError("this experiment ends at a step of its own: set --executor processes")
        self.size, self.seconds = size, {"compiling": 0.0, "training": 0.0}
        self.execution = execution or choose_execution(objective.step, prepared.template, batch_shapes(prepared))
        self._prepared = prepared
        self._compiled: set[str] = set()
        self._program = execute.compile_program(
            partial(build, prepared.config),
            require_in_memory(prepared.dataset.feed),
            prepared.config.batch_size,
            steps=prepared.config.steps_per_dispatch,
            execution="jit",
            members=size,
            member_execution=self.execution,
        )

        def init(seed: Array, hyper: dict[str, Array]) -> TrainState:
            return dataclasses.replace(objective.init(jax.random.key(seed), batch), hyper=hyper)

        self._init = execute.jit_on_first_device(init)
        self._put = execute.jit_on_first_device(execute.put_member, donate_argnums=0)
        self._take = execute.jit_on_first_device(execute.take_member)
        self._finite = execute.jit_on_first_device(execute.finite_members)
        self._states: TrainState | None = None

    def start(self, slot: int, config: Any) -> None:
        """Starts a run in a slot, in place of the run that was there."""
        shapes = self._prepared.template.hyper
        hyper = hyper_arrays(dataclasses.asdict(config.hyper), shapes)
        state = self._call("init", self._init, jnp.uint32(config.seed), hyper)
        if config.init_from:
            player = self._prepared.objective.player
            state = init_from(
                state, player, config.init_from, config.init_players, lambda line: None, trust=config.trust
            )
        if self._states is None:
            self._states = self._program.place(jax.tree.map(lambda x: jnp.stack([x] * self.size), state))
        self._states = self._call("put", self._put, self._states, slot, state)

    def advance(self, steps: int, stopped: Callable[[], bool] = lambda: False) -> dict[str, np.ndarray] | None:
        """Advances every member.

        Args:
          steps: number of training steps.
          stopped: whether to stop, asked before each dispatch.
        Returns:
          The metrics of the last step by name, float[members]; None if it was stopped.
        """
        metrics = None
        for _ in range(steps // self._prepared.config.steps_per_dispatch):
            if stopped():
                return None
            self._states, metrics = self._call("advance", self._program.advance, self._states, 0, wait=False)
        begin = time.perf_counter()
        last = {name: values[-1] for name, values in metrics.fetch().items()} if metrics else {}
        self.seconds["training"] += time.perf_counter() - begin
        return last

    def finite(self) -> np.ndarray:
        """Returns bool[members]: whether a member's whole state is finite."""
        return jax.device_get(self._call("finite", self._finite, self._states))

    def evaluate(self, slot: int) -> dict[str, float]:
        """Returns the evaluation metrics of the run in a slot."""
        state = self._call("take", self._take, self._states, slot)
        metrics = self._call("evaluate", self._prepared.measure, state)
        return {name: float(value) for name, value in metrics.items()}

    def _call(self, name: str, function: Callable, *arguments: Any, wait: bool = True) -> Any:
        """Calls a compiled function and adds to `seconds`; the first call of each name compiles it."""
        begin = time.perf_counter()
        result = function(*arguments)
        if wait:
            jax.block_until_ready(result)
        kind = "training" if name in self._compiled else "compiling"
        self._compiled.add(name)
        self.seconds[kind] += time.perf_counter() - begin
        return result


def hyper_arrays(hyper: Mapping[str, float], shapes: Mapping[str, Any]) -> dict[str, Array]:
    """Returns hyperparameters as the arrays of a state."""
    return {name: jnp.float32(hyper[name]).astype(leaf.dtype) for name, leaf in shapes.items()}
