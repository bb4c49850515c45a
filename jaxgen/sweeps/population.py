"""Trials as the members of one program: numbers of the state differ between them, and nothing is compiled twice.

All members take the same number of steps at a time. One that came to its end, was given up or went wrong makes room
for the next trial, which begins at its own step 0 with the batches that it would see alone.

A member is its run alone to 1e-9 in float64, and in float32 to 1e-5 after ten steps, batched or one after the other.
Training may make more of float32's rounding: of a GAN with batch norm over 8 images, batched, states were 3e-5 apart
after one step and 0.1 after ten.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.data import Feed
from jaxgen.errors import UsageError
from jaxgen.runs.disk.config_file import to_dict
from jaxgen.runs.disk.run_folder import RunFolder
from jaxgen.runs.experiment_copy import find_script
from jaxgen.runs.init_from import init_from
from jaxgen.runs.train import Build, Prepared, batch_shapes, describe_run
from jaxgen.sweeps.trials import WAIT_SECONDS, Ledger, Trial
from jaxgen.training import execute
from jaxgen.training.state import TrainState

MEMBERS = 8


@dataclasses.dataclass
class Member:
    """A run in one place of the population.

    Attributes:
      trial: whose run it is.
      seed: which of the trial's seeds, from 0.
      folder: where its metrics go.
      step: how many steps it took.
      value: the metric then.
    """

    trial: Trial
    seed: int
    folder: RunFolder
    step: int = 0
    value: float = math.nan


def choose_execution(step: Callable, state: TrainState, batch: Any) -> str:
    """Returns how members are best run for a step on this machine.

    On a CPU a convolution whose kernels differ between members becomes a grouped one, 3.3 to 7 times as slow; one
    member after the other takes 0.88 to 1.08 times as long as by itself in a loop, and 0.90 to 1.07 times written out,
    which compiles ten times as long and holds two to three times the memory. Products of matrices are best batched
    (0.85).
    Measured by `scripts/bench --populations`, 16 members on two cores; on accelerators nothing is measured yet.
    """
    if jax.default_backend() != "cpu":
        return "vmap"
    return "map" if "conv_general_dilated" in str(jax.make_jaxpr(step)(state, batch)) else "vmap"


def feed_members(make: Callable[..., Feed]) -> Callable[..., Feed]:
    """Returns what makes the same feed, and raises UsageError if it is streamed: it reads ahead for one step only."""

    def in_memory(images: int) -> Feed:
        feed = make(images)
        if feed.streamed:
            raise UsageError("members at different steps need data in memory: raise data.memory, or lower data.share")
        return feed

    return in_memory


class Population:
    """A fixed number of places for runs that advance together.

    Attributes:
      size: how many there are.
      execution: how they are run.
      seconds: spent in compiled programs, by "compiling" and "training".
    """

    def __init__(self, prepared: Prepared, build: Build, size: int, execution: str | None) -> None:
        """Compiles nothing yet: each program is compiled where it is first called.

        Args:
          prepared: what the sweep's experiment starts from.
          build: the experiment's.
          size: how many members there are.
          execution: one of `execute.MEMBER_EXECUTIONS`; None: the fastest.
        Raises:
          UsageError: if its members cannot be fed.
        """
        objective, first = prepared.objective, prepared.first
        if objective.finished:
            raise UsageError("this experiment ends by itself, each run at a step of its own: answer by processes")
        self.size, self.seconds = size, {"compiling": 0.0, "training": 0.0}
        self.execution: str = execution or choose_execution(objective.step, prepared.template, batch_shapes(prepared))
        self._prepared, self._called = prepared, set()
        self._program = execute.compile_program(
            partial(build, prepared.config),
            feed_members(prepared.dataset.feed),
            prepared.config.batch_size,
            steps=prepared.config.steps_per_dispatch,
            execution="jit",
            members=size,
            member_execution=self.execution,
        )

        def begin(seed: Array, hyper: dict[str, Array]) -> TrainState:
            return objective.init(jax.random.key(seed), first).replace(hyper=hyper)

        self._begin = execute.jit_on_first_device(begin)
        self._put = execute.jit_on_first_device(execute.put_member, donate_argnums=0)
        self._take = execute.jit_on_first_device(execute.take_member)
        self._sound = execute.jit_on_first_device(execute.finite_members)
        self._states: TrainState | None = None

    def put(self, place: int, config: Any) -> None:
        """Starts a run at a place, whatever was there."""
        hyper = dataclasses.asdict(config.hyper)
        shapes = self._prepared.template.hyper
        begun = self._call("begin", self._begin, jnp.uint32(config.seed), as_arrays(hyper, shapes))
        if config.init_from:
            begun = init_from(
                begun,
                self._prepared.objective.player,
                config.init_from,
                config.init_players,
                lambda line: None,
                trust=config.trust,
            )
        if self._states is None:
            everywhere = jax.tree.map(lambda x: jnp.stack([x] * self.size), begun)
            self._states = self._program.place(everywhere)
        self._states = self._call("put", self._put, self._states, place, begun)

    def advance(self, steps: int, stopped: Callable[[], bool] = lambda: False) -> dict[str, Array] | None:
        """Advances every member; returns the metrics of its last step, float[members], by name; None once stopped."""
        for _ in range(steps // self._prepared.config.steps_per_dispatch):
            if stopped():
                return None
            self._states, metrics = self._call("advance", self._program.advance, self._states, 0)
        begin = time.perf_counter()
        last = {name: values[-1] for name, values in metrics.fetch().items()}
        self.seconds["training"] += time.perf_counter() - begin
        return last

    def sound(self) -> Array:
        """Returns bool[members]: whether everything in a member's state is finite."""
        return jax.device_get(self._call("sound", self._sound, self._states))

    def measure(self, place: int) -> dict[str, float]:
        """Returns the metrics of an evaluation of the run at a place."""
        state = self._call("take", self._take, self._states, place)
        metrics = self._call("measure", self._prepared.measure, state)
        return {name: float(value) for name, value in metrics.items()}

    def _call(self, name: str, function: Callable, *args: Any) -> Any:
        begin = time.perf_counter()
        result = jax.block_until_ready(function(*args)) if name != "advance" else function(*args)
        kind = "training" if name in self._called else "compiling"
        self._called.add(name)
        self.seconds[kind] += time.perf_counter() - begin
        return result


def as_arrays(hyper: Mapping[str, float], shapes: Mapping[str, Any]) -> dict[str, Array]:
    """Returns numbers of a recipe as the arrays that a state holds."""
    return {name: jnp.float32(hyper[name]).astype(leaf.dtype) for name, leaf in shapes.items()}


class Answerer:
    """Answers a ledger's trials by a population."""

    def __init__(
        self,
        ledger: Ledger,
        prepared: Prepared,
        build: Build,
        folder: Path,
        *,
        members: int,
        execution: str | None,
        say: Callable[[str], None],
    ) -> None:
        """Takes the sweep's trials, what they start from, the folder of their runs, and how many there are at once."""
        self.ledger, self.prepared, self.folder, self.say = ledger, prepared, folder, say
        self.seeds = ledger.plan.seeds
        self.population = Population(prepared, build, max(1, members // self.seeds) * self.seeds, execution)
        self.script = find_script(build)
        self.config = describe_run(self.script, prepared.dataset, prepared.config)
        self.places: list[Member | None] = [None] * self.population.size
        self.waited = 0.0

    def describe(self) -> str:
        """Returns how trials are answered, in words."""
        return f"a population of {self.population.size}, execution {self.population.execution}"

    def seconds(self) -> dict[str, float]:
        """Returns where the time went, by name; waiting is for trials that others have."""
        return self.population.seconds | ({"waiting": self.waited} if self.waited else {})

    def run(self, count: int, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Yields every trial that this process answered, until all of a number of tickets are or it is stopped."""
        while not stopped() and not self.ledger.is_complete(count):
            self.ledger.fill(count)
            self.take(count)
            if any(self.places):
                yield from self.advance(stopped)
            else:
                time.sleep(WAIT_SECONDS)
                self.waited += WAIT_SECONDS

    def take(self, count: int) -> None:
        """Fills the places that are free with trials that wait, as many as there are."""
        for first in range(0, len(self.places), self.seeds):
            if self.places[first] is None and (trial := self.ledger.take(count)):
                for seed in range(self.seeds):
                    config = self.ledger.plan.space.configure(trial.values, seed=self.prepared.config.seed + seed)
                    config = dataclasses.replace(config, data=self.prepared.config.data)
                    self.population.put(first + seed, config)
                    self.places[first + seed] = Member(trial, seed, self.open(trial, seed, config))

    def open(self, trial: Trial, seed: int, config: Any) -> RunFolder:
        """Returns the folder of a run, with nothing in its history."""
        path = run_folder(self.folder, trial, seed)
        own = {"config": to_dict(dataclasses.replace(config, run=str(path)))}
        script = self.script.source
        with RunFolder.open(path, self.config | own, script=script, tensorboard=False, say=self.say) as folder:
            folder.truncate(0)
        return folder

    def advance(self, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Advances all runs to where they are looked at next; yields the trials that this ended."""
        every, steps = self.ledger.plan.every, self.prepared.config.steps
        # Every run is looked at after whole rounds, so all that began have the same number of steps before the next.
        metrics = self.population.advance(every, stopped)
        if metrics is None:
            return
        sound = self.population.sound()
        for place, member in enumerate(self.places):
            if member:
                member.step += every
                self.look(place, member, {name: float(values[place]) for name, values in metrics.items()}, sound[place])
        for first in range(0, len(self.places), self.seeds):
            members = self.places[first : first + self.seeds]
            if members[0] and self.judge(members, steps):
                self.places[first : first + self.seeds] = [None] * self.seeds
                yield members[0].trial

    def look(self, place: int, member: Member, metrics: dict[str, float], sound: bool) -> None:
        """Measures a run and notes it."""
        known = metrics
        if sound:
            # Features of generated images may not be finite where the state still is.
            with contextlib.suppress(UsageError):
                known = metrics | self.population.measure(place)
        member.folder.log(member.step, known)
        member.value = known.get(self.ledger.plan.metric, math.nan) if sound else math.nan

    def judge(self, members: list[Member], steps: int) -> bool:
        """Tells the ledger of a trial that came to its end; returns whether it did."""
        trial, values, step = members[0].trial, [member.value for member in members], members[0].step
        if not all(map(math.isfinite, values)):
            seed = next(m.seed for m in members if not math.isfinite(m.value))
            self.ledger.fail(
                trial, f"{self.ledger.plan.metric} or the state was not finite at step {step}, seed {seed}"
            )
            return True
        if step == steps:
            self.ledger.report(trial, step, values[0])
            self.ledger.answer(trial, values, {"steps": step})
            return True
        if self.ledger.report(trial, step, values[0]):
            self.ledger.answer(trial, values[:1], {"steps": step}, pruned=True)
            return True
        return False


def run_folder(folder: Path, trial: Trial, seed: int) -> Path:
    """Returns where a run of a trial lies in a sweep's folder."""
    return folder / "trials" / f"{trial.ticket:05d}-{seed}"
