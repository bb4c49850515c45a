"""What the population and the processes have in common: they claim trials until all have a result."""

import abc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jaxgen.sweeps.trials import Trial, TrialQueue

WAIT_SECONDS = 1.0
"""Pause before a worker that has no trial looks for one again."""


class Executor(abc.ABC):
    """Runs the trials of a queue.

    Attributes:
      queue: the trials.
      folder: of the sweep.
      say: prints a line.
      slots: what each slot runs; None where it is free.
      seconds: time spent by name.
    """

    def __init__(self, queue: TrialQueue, folder: Path, say: Callable[[str], None]) -> None:
        self.queue, self.folder, self.say = queue, folder, say
        self.slots: list[Any] = []
        self.seconds: dict[str, float] = {}

    @abc.abstractmethod
    def describe(self) -> str:
        """Returns how trials are run, in words."""

    @abc.abstractmethod
    def start_trials(self, count: int) -> None:
        """Claims trials whose index is below `count`, and starts them."""

    @abc.abstractmethod
    def advance(self, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Trains until a trial may have ended, or `stopped()`; yields the trials that have ended."""

    def close(self) -> None:  # noqa: B027
        """Stops the trials that still run."""

    def run(self, count: int, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Runs trials until every index below `count` has a result, or `stopped()`.

        Yields:
          Each trial that this worker has ended.
        """
        try:
            while not stopped() and not self.queue.is_complete(count):
                self.queue.enqueue(count)
                self.start_trials(count)
                if any(self.slots):
                    yield from self.advance(stopped)
                else:
                    time.sleep(WAIT_SECONDS)
                    self.seconds["waiting"] = self.seconds.get("waiting", 0.0) + WAIT_SECONDS
        finally:
            self.close()

    def run_path(self, trial: Trial, seed: int) -> Path:
        """Returns the run folder of one seed of a trial."""
        return self.folder / "trials" / f"{trial.index:05d}-{seed}"
