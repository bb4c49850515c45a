"""Trials as processes. Each trains as the experiment's script does, on its own device.

Every option can be searched, and an interrupted trial resumes from its checkpoint.
"""

import dataclasses
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from jaxgen.errors import UsageError
from jaxgen.io.text import open_no_link
from jaxgen.runs.disk.run_folder import RunFolder, lock
from jaxgen.sweeps.devices import process_environments
from jaxgen.sweeps.executor import Executor
from jaxgen.sweeps.trials import Trial, TrialQueue
from jaxgen.training.stopping import STOPPING

POLL_SECONDS = 0.2
LOCK_SECONDS = 60
"""Longest wait for another process that saves the same run."""
OUTPUT = "output.txt"
CHILD = (sys.executable, "-P", "-m", "jaxgen.sweeps.child")
"""What trains a trial. With -P it imports no module of the folder that the sweep is started in."""
STOPPED = {status for signum in STOPPING for status in (-signum, 128 + signum)}
"""Exit statuses of a process that was asked to stop, for example by a cluster's scheduler."""


@dataclasses.dataclass
class Attempt:
    """A trial whose seeds train one after the other in a slot.

    Attributes:
      trial: the trial.
      seed: the seed that trains now, from 0.
      process: that trains it.
      path: its run folder.
      values: metrics of the seeds before.
      last_step: the last step whose metric was reported.
    """

    trial: Trial
    seed: int
    process: subprocess.Popen
    path: Path
    values: list[float]
    last_step: int = 0


class ProcessExecutor(Executor):
    """Runs trials in a number of processes at the same time."""

    def __init__(
        self,
        queue: TrialQueue,
        folder: Path,
        say: Callable[[str], None],
        *,
        script: str,
        arguments: Sequence[str],
        processes: int,
    ) -> None:
        """Finds the devices of the processes, and starts none.

        Args:
          queue: the trials.
          folder: of the sweep.
          say: prints a line.
          script: path of the experiment's script.
          arguments: the experiment's options.
          processes: how many run at the same time.
        Raises:
          UsageError: if there are not enough devices.
        """
        super().__init__(queue, folder, say)
        self.script, self.arguments = script, list(arguments)
        self.slots: list[Attempt | None] = [None] * processes
        self.environments = process_environments(processes)
        # Training includes the start of the processes.
        self.seconds = {"training": 0.0}

    def describe(self) -> str:
        """Returns the number of processes."""
        return "one process at a time" if len(self.slots) == 1 else f"{len(self.slots)} processes at a time"

    def start_trials(self, count: int) -> None:
        """Claims trials for the free slots, and starts them."""
        for slot, attempt in enumerate(self.slots):
            if attempt is None and (trial := self.queue.claim(count)):
                self.slots[slot] = self.start(slot, trial, seed=0, values=[])

    def start(self, slot: int, trial: Trial, seed: int, values: list[float]) -> Attempt:
        """Starts the process of one seed of a trial."""
        path = self.run_path(trial, seed)
        path.mkdir(parents=True, exist_ok=True)
        wait_for_lock(path)
        space = self.queue.definition.space
        command = [
            *(*CHILD, self.script, *self.arguments),
            *(*space.arguments(trial.values), "--seed", str(space.config.seed + seed), "--run", str(path)),
        ]
        with open_no_link(path / OUTPUT, "wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self.environments[slot],
                # A terminal's Ctrl-C must reach the sweep only, which then stops its processes.
                start_new_session=True,
            )
        return Attempt(trial, seed, process, path, values)

    def advance(self, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Waits until a trial has ended, or `stopped()`; yields the trials that have ended."""
        while any(self.slots) and not stopped():
            begin = time.perf_counter()
            time.sleep(POLL_SECONDS)
            self.seconds["training"] += time.perf_counter() - begin
            ended = [trial for slot in range(len(self.slots)) if (trial := self.poll(slot))]
            yield from ended
            if ended:
                return

    def poll(self, slot: int) -> Trial | None:
        """Reports new metrics of a slot's process. Returns its trial and frees the slot if the trial has ended."""
        attempt = self.slots[slot]
        if attempt is None:
            return None
        # The status first: metrics that are written after it was read are read at the next poll.
        status = attempt.process.poll()
        metric = self.queue.definition.metric
        history = [(line["step"], line[metric]) for line in RunFolder(attempt.path).history() if metric in line]
        if self.is_pruned(attempt, history):
            stop(attempt.process)
        elif status is None or not self.is_ended(slot, attempt, status, history):
            return None
        self.slots[slot] = None
        return attempt.trial

    def is_pruned(self, attempt: Attempt, history: Sequence[tuple[int, float]]) -> bool:
        """Reports new values of the metric to the pruner, and returns whether it has stopped the trial."""
        definition = self.queue.definition
        for step, value in history:
            if step <= attempt.last_step or step % definition.interval or not math.isfinite(value):
                continue
            attempt.last_step = step
            # Only the first seed is pruned: the others measure the spread of a complete trial.
            if (
                attempt.seed == 0
                and self.queue.report(attempt.trial, step, value)
                and step < definition.space.config.steps
            ):
                self.queue.prune(attempt.trial, value, step)
                return True
        return False

    def is_ended(self, slot: int, attempt: Attempt, status: int, history: Sequence[tuple[int, float]]) -> bool:
        """Records the result of an ended process, or starts the next seed; returns whether the trial has ended."""
        close_input(attempt.process)
        trial, (step, value) = attempt.trial, history[-1] if history else (0, math.nan)
        if status in STOPPED or status < 0:
            self.queue.requeue(trial, crashed=status not in STOPPED)
        elif status or not math.isfinite(value):
            self.queue.fail(trial, f"seed {attempt.seed}: {last_output(attempt)}")
        elif len(values := [*attempt.values, value]) < self.queue.definition.options.seeds:
            self.slots[slot] = self.start(slot, trial, attempt.seed + 1, values)
            return False
        else:
            self.queue.complete(trial, values, step)
        return True

    def close(self) -> None:
        """Stops the processes that still run, each after a checkpoint."""
        running = [attempt.process for attempt in self.slots if attempt]
        for process in running:
            process.terminate()
        for process in running:
            stop(process)


def close_input(process: subprocess.Popen) -> None:
    """Closes the standard input of a process, at which `child` ends."""
    if process.stdin:
        process.stdin.close()


def stop(process: subprocess.Popen) -> None:
    """Stops a process, which saves its run first, and waits for it."""
    process.terminate()
    close_input(process)
    process.wait()


def last_output(attempt: Attempt) -> str:
    """Returns the last line that a process has printed."""
    lines = (attempt.path / OUTPUT).read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"ended with status {attempt.process.returncode}"


def wait_for_lock(path: Path) -> None:
    """Waits for a process that still saves a run, for example one whose parent was killed.

    Raises:
      UsageError: if it does not end within `LOCK_SECONDS`.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with lock(path / ".lock"):
                return
        except UsageError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
