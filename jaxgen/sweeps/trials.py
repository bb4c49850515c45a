"""The trials of a sweep: Optuna keeps them in a database, from where any number of processes take and return them.

A sweep of N trials is N tickets. Each is a trial that waits, put there by whoever comes first; taking one is a single
change of its state in the database, which only one process can make. A process that dies leaves a trial that runs; the
next one finds it, by its heartbeat or because nobody else may hold the folder, and puts its ticket back with the same
values. So no trial is lost and none is counted twice, whoever dies when.

What a sampler suggests for a ticket depends on the sweep's seed, the ticket and the trials finished before: a random
search or a grid tries the same settings however many processes work and however often they were killed.
"""

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from jaxgen.errors import UsageError
from jaxgen.metrics.direction import Direction
from jaxgen.runs.disk.config_file import flatten
from jaxgen.sweeps.sampler import make_pruner, make_sampler, suggest
from jaxgen.sweeps.space import Space, Value
from jaxgen.sweeps.storage import hide_password

TICKET, WORKER, REASON, DEFINITION, SCRIPT = "ticket", "worker", "reason", "definition", "script"
SPARE = "another process had put the same ticket"
RETURNED = "its process was stopped and gave it back"
GONE = "its process died {} times"
WAIT_SECONDS = 1.0
"""How long a process without a trial waits before it looks for one again."""
MOST_DEATHS = 3
"""Times that a trial may take its process with it before it is not tried again."""


@dataclass(frozen=True)
class Plan:
    """What a sweep is, which two parts of it must agree on.

    Attributes:
      experiment: name of the experiment.
      space: what is searched.
      metric: name of the metric that is judged.
      direction: whether the metric is minimized or maximized.
      seeds: runs of each setting, whose mean is judged.
      sampler: one of `SAMPLERS`.
      pruner: one of `PRUNERS`.
      seed: of the sampler.
      every: steps between two values that the pruner sees.
      settings: the experiment's configuration and what tells its data from others, as plain values, without what
        changes no result.
      script: sha256 of the experiment's script, which may change, not without a word.
    """

    experiment: str
    space: Space
    metric: str
    direction: Direction
    seeds: int
    sampler: str
    pruner: str
    seed: int
    every: int
    settings: Mapping[str, Any]
    script: str

    def describe(self) -> dict[str, Any]:
        """Returns the plan as plain values by dotted name."""
        own = ("experiment", "metric", "direction", "seeds", "sampler", "pruner", "seed", "every")
        return (
            {name: getattr(self, name) for name in own}
            | flatten({"search": self.space.describe()})
            | flatten(self.settings)
        )


@dataclass
class Trial:
    """A setting that this process tries.

    Attributes:
      ticket: its number in the sweep, from 0.
      values: of what is searched, by option.
      handle: Optuna's own trial.
    """

    ticket: int
    values: dict[str, Value]
    handle: Any = field(repr=False)


class Ledger:
    """The trials of one sweep, as one process sees them.

    Attributes:
      plan: what the sweep is.
      study: Optuna's study.
      seconds: that Optuna took so far.
    """

    def __init__(
        self, plan: Plan, storage: Any, name: str, *, alone: bool, heartbeat: int, say: Callable[[str], None]
    ) -> None:
        """Opens a study, or makes it.

        Args:
          plan: what the sweep is.
          storage: from `open_storage`.
          name: the study's.
          alone: whether nobody else can work on it: what runs was left by a process that died.
          heartbeat: seconds between two signs of life.
          say: takes a warning, a line.
        Raises:
          UsageError: if a study of that name is another sweep's.
        """
        self.plan, self.seconds, self._storage, self._heartbeat = plan, 0.0, storage, heartbeat
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        with self._optuna():
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction=plan.direction,
                pruner=make_pruner(plan.pruner, plan.every, plan.space.config.steps),
                load_if_exists=True,
            )
            self._agree(name)
            self._note_script(name, say)
            if alone:
                for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._pulse.start()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        """Puts back what this process still holds."""
        self._ended.set()
        self._pulse.join()
        with self._optuna():
            for number in self._held:
                with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                    self._put_back(number)

    def fill(self, count: int) -> None:
        """Puts every ticket up to a count there that is neither waiting, nor running, nor answered."""
        points = self.plan.space.points() if self.plan.sampler == "grid" else None
        with self._optuna():
            optuna.storages.fail_stale_trials(self.study)
            by_ticket = self.by_ticket()
            for ticket in range(count):
                trials = by_ticket.get(ticket, [])
                if any(is_live(trial) for trial in trials):
                    continue
                before = next((values_of(trial) for trial in reversed(trials) if values_of(trial)), {})
                values = before or (points[ticket] if points else {})
                self.study.enqueue_trial(values, user_attrs={TICKET: ticket})

    def take(self, count: int) -> Trial | None:
        """Returns a trial of a ticket below a count that waited and now is this process's, None where none waits."""
        with self._optuna():
            for waiting in self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                if waiting.user_attrs[TICKET] >= count:
                    continue
                number = waiting._trial_id
                # Before it runs: a process that died between the two would leave a trial that never beat.
                self._storage.record_heartbeat(number)
                with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                    if not self._storage.set_trial_state_values(number, TrialState.RUNNING):
                        continue
                    if taken := self._suggest(waiting):
                        return taken
        return None

    def report(self, trial: Trial, step: int, value: float) -> bool:
        """Notes the metric of a trial's first seed after a number of steps; returns whether to give the trial up.

        That is so where it is worse than others, and where this process was taken for dead and others have the trial.
        """
        if self.plan.pruner == "none":
            return False
        with self._optuna(), self._while_mine():
            trial.handle.report(value, step)
            return trial.handle.should_prune()
        return True

    def answer(self, trial: Trial, values: Sequence[float], told: Mapping[str, Any], *, pruned: bool = False) -> None:
        """Notes the result of a trial.

        Args:
          trial: which.
          values: the metric of every seed; of a trial given up, of the first.
          told: what else is to be known of it, plain values.
          pruned: whether it was given up.
        """
        with self._optuna(), self._while_mine():
            self._note(trial, {"values": list(values), **told})
            state = TrialState.PRUNED if pruned else TrialState.COMPLETE
            self.study.tell(trial.handle, None if pruned else float(np.mean(values)), state=state)
        self._release(trial)

    def fail(self, trial: Trial, reason: str) -> None:
        """Notes that a trial went wrong, for which it is not tried again."""
        with self._optuna(), self._while_mine():
            self._note(trial, {REASON: reason})
            self.study.tell(trial.handle, state=TrialState.FAIL)
        self._release(trial)

    def give_back(self, trial: Trial, *, died: bool) -> None:
        """Notes that a trial's process ended before its end, so that it is tried again.

        Args:
          trial: which.
          died: whether the trial may be to blame, which is so `MOST_DEATHS` times; not where the process was stopped.
        """
        with self._optuna(), self._while_mine():
            if died:
                self._storage.set_trial_state_values(trial.handle._trial_id, TrialState.FAIL)
            else:
                self._put_back(trial.handle._trial_id)
        self._release(trial)

    def is_complete(self, count: int) -> bool:
        """Returns whether every ticket below a count is answered."""
        return sum(trial.user_attrs[TICKET] < count for trial in self.finished()) == count

    def by_ticket(self) -> dict[int, list[FrozenTrial]]:
        """Returns all trials of every ticket, in the order in which they were put there."""
        found: dict[int, list[FrozenTrial]] = {}
        for trial in self.study.get_trials(deepcopy=False):
            found.setdefault(trial.user_attrs[TICKET], []).append(trial)
        return found

    def finished(self) -> list[FrozenTrial]:
        """Returns the trial that answers each ticket, by ticket, without those that still wait or run."""
        with self._optuna():
            tickets = sorted(self.by_ticket().items())
        return [trial for _, trials in tickets for trial in trials if is_live(trial) and trial.state.is_finished()]

    def _suggest(self, waiting: FrozenTrial) -> Trial | None:
        ticket = waiting.user_attrs[TICKET]
        earlier = [t for t in self.by_ticket()[ticket] if t.number < waiting.number]
        deaths = sum(not is_live(trial) and REASON not in trial.user_attrs for trial in earlier)
        if any(is_live(trial) for trial in earlier) or deaths >= MOST_DEATHS:
            reason = GONE.format(deaths) if deaths >= MOST_DEATHS else SPARE
            self._storage.set_trial_user_attr(waiting._trial_id, REASON, reason)
            self._storage.set_trial_state_values(waiting._trial_id, TrialState.FAIL)
            return None
        with self._lock:
            self._held.add(waiting._trial_id)
        # A study remembers the trials that it has seen when it suggests, and only `ask` makes it look again.
        fresh = optuna.load_study(
            study_name=self.study.study_name,
            storage=self._storage,
            sampler=make_sampler(self.plan.sampler, self.plan.seed, ticket),
            pruner=self.study.pruner,
        )
        handle = optuna.trial.Trial(fresh, waiting._trial_id)
        handle.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
        return Trial(ticket, {field.option: suggest(handle, field) for field in self.plan.space.fields}, handle)

    def _agree(self, name: str) -> None:
        here = self.plan.describe()
        if DEFINITION not in self.study.user_attrs:
            if self.study.get_trials(deepcopy=False):
                raise UsageError(f"study {name} was not made by jaxgen sweep: give another --study")
            self.study.set_user_attr(DEFINITION, here)
        # Read again: of two sweeps that began at the same moment, one finds the other's.
        there = self.study.user_attrs[DEFINITION]
        absent = "absent"
        told = [
            f"{key} is {there.get(key, absent)} there and {here.get(key, absent)} here"
            for key in sorted(there | here)
            if there.get(key, absent) != here.get(key, absent)
        ]
        if told:
            raise UsageError(
                f"study {name} is another sweep: {', '.join(told)}; give what is there, or another --study"
            )

    def _note_script(self, name: str, say: Callable[[str], None]) -> None:
        there = self.study.user_attrs.get(SCRIPT, self.plan.script)
        if there != self.plan.script:
            say(f"{self.plan.experiment}'s script has changed since study {name} was last searched")
        if self.study.user_attrs.get(SCRIPT) != self.plan.script:
            self.study.set_user_attr(SCRIPT, self.plan.script)

    def _note(self, trial: Trial, told: Mapping[str, Any]) -> None:
        for name, value in told.items():
            trial.handle.set_user_attr(name, value)

    def _put_back(self, number: int) -> None:
        # The reason first: without one it would count as a death.
        self._storage.set_trial_user_attr(number, REASON, RETURNED)
        self._storage.set_trial_state_values(number, TrialState.FAIL)

    def _release(self, trial: Trial) -> None:
        with self._lock:
            self._held.discard(trial.handle._trial_id)

    def _beat(self) -> None:
        # Twice in an interval: one that is late must not look like death.
        while not self._ended.wait(self._heartbeat / 2):
            with self._lock:
                held = list(self._held)
            for number in held:
                # A database that is away for a moment must not end the training; what needs an answer tells of it.
                with contextlib.suppress(Exception):
                    self._storage.record_heartbeat(number)

    @contextlib.contextmanager
    def _optuna(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
            told = hide_password(str(error).strip().splitlines()[0])
            raise UsageError(
                f"the storage cannot be used any more ({told}): once it can, the same command goes on"
            ) from error
        finally:
            self.seconds += time.perf_counter() - begin

    @contextlib.contextmanager
    def _while_mine(self) -> Iterator[None]:
        # Others end the trial of a process that was silent for too long, and take it up again.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            yield


def is_live(trial: FrozenTrial) -> bool:
    """Returns whether a trial waits, runs or is an answer, as one that died, was given back or is spare is not."""
    return trial.state != TrialState.FAIL or trial.user_attrs.get(REASON, SPARE) not in (SPARE, RETURNED)


def values_of(trial: FrozenTrial) -> dict[str, Value]:
    """Returns the settings of a trial, those that it was put there with included."""
    return trial.system_attrs.get("fixed_params", {}) | trial.params


def score(trial: FrozenTrial) -> float:
    """Returns the value of a trial that came to its end, NaN of another."""
    return trial.value if trial.state == TrialState.COMPLETE and trial.value is not None else math.nan
