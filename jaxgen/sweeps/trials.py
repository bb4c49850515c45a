"""The queue of a sweep's trials, in an Optuna storage that any number of workers share.

A sweep of N trials has the indices 0 to N − 1. Workers enqueue an Optuna trial for each index. A worker claims a trial
by changing its state from WAITING to RUNNING, which the database grants to one worker only. A worker that dies leaves a
RUNNING trial. Another worker notices the missing heartbeat (or has the sweep's folder to itself), marks that trial as
failed, and enqueues a new one with the same index and values. So no index is lost, and none is counted twice.

The values of a trial depend on the sampler's seed, the index and the trials completed before. A random search and a
grid therefore try the same values with any number of workers, and after any number of restarts.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from jaxgen.errors import UsageError
from jaxgen.io.text import hide_passwords
from jaxgen.sweeps.definition import Definition
from jaxgen.sweeps.heartbeat import Heartbeat
from jaxgen.sweeps.sampler import make_pruner, make_sampler, suggest
from jaxgen.sweeps.space import Value

INDEX, WORKER, REASON, STEPS, VALUES = "index", "worker", "reason", "steps", "values"
"""User attributes of an Optuna trial."""
DEFINITION, SCRIPT = "definition", "script"
"""User attributes of an Optuna study."""
DUPLICATE = "another worker enqueued the same index"
REQUEUED = "its worker was stopped and put it back into the queue"
CRASHED = "its process died {} times"
MAX_CRASHES = 3
"""A trial whose process died this many times is not run again."""


@dataclass
class Trial:
    """A trial that this worker runs.

    Attributes:
      index: index in the sweep, from 0.
      values: value of each searched option.
      optuna_trial: Optuna's trial.
    """

    index: int
    values: dict[str, Value]
    optuna_trial: optuna.trial.Trial = field(repr=False)

    @property
    def id(self) -> int:
        """Optuna's number of the trial in the storage."""
        return self.optuna_trial._trial_id


class TrialQueue:
    """The trials of a sweep as one worker sees them; a context that puts unfinished trials back into the queue.

    Attributes:
      definition: of the sweep.
      study: Optuna's study.
      seconds: time spent in Optuna.
    """

    def __init__(
        self,
        definition: Definition,
        storage: Any,
        name: str,
        *,
        exclusive: bool,
        heartbeat: int,
        say: Callable[[str], None],
    ) -> None:
        """Opens the study, or creates it.

        Args:
          definition: of the sweep.
          storage: from `open_storage`.
          name: of the study.
          exclusive: whether no other worker can use the storage, so that all running trials belong to dead workers.
          heartbeat: seconds between two heartbeats.
          say: prints a warning.
        Raises:
          UsageError: if the study of that name has another definition.
        """
        self.definition, self.seconds, self._storage = definition, 0.0, storage
        with self._optuna():
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction=definition.direction,
                pruner=make_pruner(definition.options.pruner, definition.interval, definition.space.config.steps),
                load_if_exists=True,
            )
            self._require_same_definition()
            self._record_script(say)
            if exclusive:
                for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        self._heartbeat = Heartbeat(storage, heartbeat)

    def __enter__(self) -> "TrialQueue":
        return self

    def __exit__(self, *_: object) -> None:
        """Puts the trials that this worker still runs back into the queue."""
        trial_ids = self._heartbeat.stop()
        with self._optuna():
            for trial_id in trial_ids:
                with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                    self._fail(trial_id, REQUEUED)

    def enqueue(self, count: int) -> None:
        """Enqueues each index below `count` that does not wait, run or have a result."""
        grid = self.definition.space.points() if self.definition.options.sampler == "grid" else None
        with self._optuna():
            optuna.storages.fail_stale_trials(self.study)
            attempts = self.attempts()
            for index in range(count):
                trials = attempts.get(index, [])
                if any(map(is_current, trials)):
                    continue
                earlier = next((values_of(trial) for trial in reversed(trials) if values_of(trial)), None)
                values = earlier or (grid[index] if grid else {})
                self.study.enqueue_trial(values, user_attrs={INDEX: index})

    def claim(self, count: int) -> Trial | None:
        """Returns a waiting trial whose index is below `count`, which this worker now runs; None if there is none."""
        with self._optuna():
            for waiting in self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                if waiting.user_attrs[INDEX] >= count:
                    continue
                # The heartbeat comes first: a running trial without one would never count as lost.
                self._storage.record_heartbeat(waiting._trial_id)
                with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                    if self._storage.set_trial_state_values(waiting._trial_id, TrialState.RUNNING) and (
                        trial := self._start(waiting)
                    ):
                        return trial
        return None

    def report(self, trial: Trial, step: int, value: float) -> bool:
        """Reports the metric of a trial's first seed to the pruner.

        Returns:
          Whether to stop the trial: the pruner says so, or another worker has taken it over.
        """
        if self.definition.options.pruner == "none":
            return False
        with self._optuna(), self._unless_taken_over():
            trial.optuna_trial.report(value, step)
            return trial.optuna_trial.should_prune()
        return True

    def complete(self, trial: Trial, values: Sequence[float], steps: int) -> None:
        """Records the result of a trial.

        Args:
          trial: the trial.
          values: metric of each seed, whose mean is the trial's value.
          steps: training steps of each seed.
        """
        self._finish(trial, TrialState.COMPLETE, {VALUES: list(values), STEPS: steps}, float(np.mean(values)))

    def prune(self, trial: Trial, value: float, steps: int) -> None:
        """Records that a trial was pruned after a number of steps, with the metric of its first seed."""
        self._finish(trial, TrialState.PRUNED, {VALUES: [value], STEPS: steps})

    def fail(self, trial: Trial, reason: str) -> None:
        """Records that a trial failed. It is not run again."""
        self._finish(trial, TrialState.FAIL, {REASON: reason})

    def requeue(self, trial: Trial, *, crashed: bool) -> None:
        """Releases a trial whose process ended early, so that it is run again.

        Args:
          trial: the trial.
          crashed: whether the process died. That may happen `MAX_CRASHES` times; a process may be stopped any number
            of times.
        """
        with self._optuna(), self._unless_taken_over():
            if crashed:
                self._storage.set_trial_state_values(trial.id, TrialState.FAIL)
            else:
                self._fail(trial.id, REQUEUED)
        self._heartbeat.remove(trial.id)

    def is_complete(self, count: int) -> bool:
        """Returns whether every index below `count` has a result."""
        return sum(trial.user_attrs[INDEX] < count for trial in self.finished()) == count

    def attempts(self) -> dict[int, list[FrozenTrial]]:
        """Returns all Optuna trials by index, in the order in which they were enqueued."""
        attempts: dict[int, list[FrozenTrial]] = {}
        for trial in self.study.get_trials(deepcopy=False):
            attempts.setdefault(trial.user_attrs[INDEX], []).append(trial)
        return attempts

    def finished(self) -> list[FrozenTrial]:
        """Returns the trials that have a result (complete, pruned or failed), ordered by index."""
        with self._optuna():
            attempts = sorted(self.attempts().items())
        return [trial for _, trials in attempts for trial in trials if is_current(trial) and trial.state.is_finished()]

    def _start(self, waiting: FrozenTrial) -> Trial | None:
        """Samples the values of a claimed trial; None if its index has a result or has crashed too often."""
        index = waiting.user_attrs[INDEX]
        earlier = [trial for trial in self.attempts()[index] if trial.number < waiting.number]
        crashes = sum(not is_current(trial) and REASON not in trial.user_attrs for trial in earlier)
        if crashes >= MAX_CRASHES or any(map(is_current, earlier)):
            self._fail(waiting._trial_id, CRASHED.format(crashes) if crashes >= MAX_CRASHES else DUPLICATE)
            return None
        self._heartbeat.add(waiting._trial_id)
        # A study caches the trials that its sampler sees, so each trial is sampled by a study that is loaded again.
        study = optuna.load_study(
            study_name=self.study.study_name,
            storage=self._storage,
            sampler=make_sampler(self.definition.options.sampler, self.definition.options.sampler_seed, index),
            pruner=self.study.pruner,
        )
        trial = optuna.trial.Trial(study, waiting._trial_id)
        trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
        try:
            values = {field.option: suggest(trial, field) for field in self.definition.space.fields}
        except ValueError as error:  # of what was enqueued with it
            name = self.study.study_name
            raise UsageError(f"trial {index} of study {name} has a value that is not searched: {error}") from error
        return Trial(index, values, trial)

    def _finish(
        self, trial: Trial, state: TrialState, attributes: Mapping[str, Any], value: float | None = None
    ) -> None:
        with self._optuna(), self._unless_taken_over():
            for name, attribute in attributes.items():
                trial.optuna_trial.set_user_attr(name, attribute)
            self.study.tell(trial.optuna_trial, value, state=state)
        self._heartbeat.remove(trial.id)

    def _fail(self, trial_id: int, reason: str) -> None:
        # The reason comes first: a failed trial without one counts as a crash.
        self._storage.set_trial_user_attr(trial_id, REASON, reason)
        self._storage.set_trial_state_values(trial_id, TrialState.FAIL)

    def _require_same_definition(self) -> None:
        name, own = self.study.study_name, self.definition.describe()
        if DEFINITION not in self.study.user_attrs:
            if self.study.get_trials(deepcopy=False):
                raise UsageError(f"study {name} was not created by jaxgen sweep: set another --study")
            self.study.set_user_attr(DEFINITION, own)
        # Read again: another worker may have created the study at the same moment.
        recorded = self.study.user_attrs[DEFINITION]
        numbers = [trial.user_attrs.get(INDEX) for trial in self.study.get_trials(deepcopy=False)]
        if not isinstance(recorded, dict) or not all(type(number) is int and number >= 0 for number in numbers):
            raise UsageError(f"study {name} was not created by jaxgen sweep: set another --study")
        differences = [
            f"{key} is {recorded.get(key, 'absent')} there and {own.get(key, 'absent')} here"
            for key in sorted(recorded | own)
            if recorded.get(key, "absent") != own.get(key, "absent")
        ]
        if differences:
            raise UsageError(
                f"study {name} is another sweep: {', '.join(differences)}; use the same options, or set another --study"
            )

    def _record_script(self, say: Callable[[str], None]) -> None:
        recorded = self.study.user_attrs.get(SCRIPT)
        if recorded == self.definition.script:
            return
        if recorded:
            name = self.study.study_name
            say(f"the script of {self.definition.experiment} has changed since the last sweep of study {name}")
        self.study.set_user_attr(SCRIPT, self.definition.script)

    @contextlib.contextmanager
    def _optuna(self) -> Iterator[None]:
        """Adds to `seconds`, and raises a UsageError if the storage fails."""
        begin = time.perf_counter()
        try:
            yield
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            cause = hide_passwords(str(error).strip().splitlines()[0])
            raise UsageError(
                f"the storage has failed ({cause}): run the same command again once it works, the sweep then continues"
            ) from error
        finally:
            self.seconds += time.perf_counter() - begin

    @contextlib.contextmanager
    def _unless_taken_over(self) -> Iterator[None]:
        """Ignores that another worker has ended a trial because its heartbeat was missing."""
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            yield


def is_current(trial: FrozenTrial) -> bool:
    """Returns whether a trial waits, runs or has a result, and was not lost, requeued or a duplicate."""
    return trial.state != TrialState.FAIL or trial.user_attrs.get(REASON, DUPLICATE) not in (DUPLICATE, REQUEUED)


def values_of(trial: FrozenTrial) -> dict[str, Value]:
    """Returns the values of a trial, those that were enqueued with it included."""
    return trial.system_attrs.get("fixed_params", {}) | trial.params
