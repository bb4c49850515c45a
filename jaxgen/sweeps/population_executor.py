"""Trials as members of a population."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgen.errors import UsageError
from jaxgen.runs.disk.config_file import to_dict
from jaxgen.runs.disk.run_folder import RunFolder
from jaxgen.runs.experiment_copy import find_script
from jaxgen.runs.train import Build, Prepared, describe_run
from jaxgen.sweeps.executor import Executor
from jaxgen.sweeps.population import Population
from jaxgen.sweeps.trials import Trial, TrialQueue

MEMBERS = 8
"""Default number of runs at the same time."""


@dataclasses.dataclass
class Member:
    """The run of one seed of a trial.

    Attributes:
      trial: the trial.
      seed: its seed, from 0.
      folder: its run folder.
      step: number of its training steps.
      value: the metric at that step; NaN before the first evaluation, or if the state is not finite.
    """

    trial: Trial
    seed: int
    folder: RunFolder
    step: int = 0
    value: float = math.nan


class PopulationExecutor(Executor):
    """Runs trials as members of a population. The seeds of a trial are neighbours, and start and end together."""

    def __init__(
        self,
        queue: TrialQueue,
        folder: Path,
        say: Callable[[str], None],
        *,
        prepared: Prepared,
        build: Build,
        members: int,
        execution: str | None,
    ) -> None:
        """Creates the population.

        Args:
          queue: the trials.
          folder: of the sweep.
          say: prints a line.
          prepared: the experiment's objective and data.
          build: the experiment's function of that name.
          members: runs at the same time; at least the seeds of one trial.
          execution: how members are run, one of `execute.MEMBER_EXECUTIONS`; None: the fastest.
        Raises:
          UsageError: if the experiment cannot be trained by a population.
        """
        super().__init__(queue, folder, say)
        self.prepared, self.seeds = prepared, queue.definition.options.seeds
        self.population = Population(prepared, build, max(1, members // self.seeds) * self.seeds, execution)
        self.script = find_script(build)
        self.description = describe_run(self.script, prepared.dataset, prepared.config)
        self.slots: list[Member | None] = [None] * self.population.size
        self.seconds = self.population.seconds

    def describe(self) -> str:
        """Returns the size of the population and its execution."""
        return f"a population of {self.population.size}, execution {self.population.execution}"

    def start_trials(self, count: int) -> None:
        """Claims trials for the free slots, and starts them."""
        for first in range(0, len(self.slots), self.seeds):
            if self.slots[first] is None and (trial := self.queue.claim(count)):
                for seed in range(self.seeds):
                    self.slots[first + seed] = self.start(first + seed, trial, seed)

    def start(self, slot: int, trial: Trial, seed: int) -> Member:
        """Starts the run of one seed of a trial in a slot."""
        base = self.prepared.config
        config = self.queue.definition.space.configure(trial.values, seed=base.seed + seed)
        config = dataclasses.replace(config, data=base.data)
        self.population.start(slot, config)
        return Member(trial, seed, self.open_folder(trial, seed, config))

    def open_folder(self, trial: Trial, seed: int, config: Any) -> RunFolder:
        """Returns the folder of a run with an empty history."""
        path = self.run_path(trial, seed)
        description = self.description | {"config": to_dict(dataclasses.replace(config, run=str(path)))}
        script = self.script.source
        with RunFolder.open(path, description, script=script, tensorboard=False, say=self.say) as folder:
            folder.truncate(0)
        return folder

    def advance(self, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Trains to the next evaluation; yields the trials that have ended."""
        # Every run starts after whole intervals, so that the next evaluation is after the same number of steps for all.
        interval = self.queue.definition.interval
        metrics = self.population.advance(interval, stopped)
        if metrics is None:
            return
        finite = self.population.finite()
        for slot, member in enumerate(self.slots):
            if member:
                member.step += interval
                values = {name: float(value[slot]) for name, value in metrics.items()}
                self.evaluate(slot, member, values, is_finite=bool(finite[slot]))
        for first in range(0, len(self.slots), self.seeds):
            members = [member for member in self.slots[first : first + self.seeds] if member]
            if members and self.is_ended(members):
                self.slots[first : first + self.seeds] = [None] * self.seeds
                yield members[0].trial

    def evaluate(self, slot: int, member: Member, metrics: Mapping[str, float], *, is_finite: bool) -> None:
        """Evaluates a run and logs its metrics."""
        values = dict(metrics)
        if is_finite:
            # The features of generated images may not be finite even if the state is.
            with contextlib.suppress(UsageError):
                values |= self.population.evaluate(slot)
        member.folder.log(member.step, values)
        member.value = values.get(self.queue.definition.metric, math.nan) if is_finite else math.nan

    def is_ended(self, members: Sequence[Member]) -> bool:
        """Reports the metrics of a trial's seeds to the queue, and returns whether the trial has ended."""
        definition, first = self.queue.definition, members[0]
        trial, step = first.trial, first.step
        for member in members:
            if not math.isfinite(member.value):
                self.queue.fail(
                    trial, f"{definition.metric} or the state was not finite at step {step}, seed {member.seed}"
                )
                return True
        prune = self.queue.report(trial, step, first.value)
        if step == definition.space.config.steps:
            self.queue.complete(trial, [member.value for member in members], step)
            return True
        if prune:
            self.queue.prune(trial, first.value, step)
        return prune
