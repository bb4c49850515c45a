"""Runs every system in a process of its own and lets them work in turns, so that all meet the same machine.

Only one process works at a time; the others wait for a line on their standard input. What slows the machine for longer
than a round, slows all systems, if not equally: a library that keeps its threads in step waits for the slowest of them.
"""

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.systems import Row, System

SCRIPTS = Path(__file__).resolve().parents[1]
TRIAL_ROUNDS = 3
TURN_SECONDS = 0.4
# Idle worker threads of the library that was just measured go to sleep within this.
PAUSE_SECONDS = 0.05
EXIT_SECONDS = 20


class WorkerFailedError(RuntimeError):
    """A system that cannot be measured, and why."""


class Worker:
    """One system's process: started, trained for a first few steps, and waiting for its turn.

    Attributes:
      system: what it runs.
      facts: what it told about itself at the start, and its peak memory later.
      milliseconds: per training step of one model, one number a turn.
    """

    def __init__(self, system: System, case: Case, python: str, platform: str, threads: int):
        self.system = system
        self.milliseconds: list[float] = []
        specification = {
            "library": system.library,
            "options": system.options,
            "case": dataclasses.asdict(case),
            "threads": threads,
            "keeps_memory": system.keeps_memory,
            "started": time.time(),
        }
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", json.dumps(specification)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(platform) | system.environment,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        try:
            self.facts = self.answer()
        except WorkerFailedError:
            self.close()
            raise

    def answer(self) -> dict[str, Any]:
        """Returns what the process says next.

        Raises:
          WorkerFailedError: if that is why it failed, or if it ended without a word.
        """
        line = self.output.readline()
        if not line:
            raise WorkerFailedError(f"its process ended with status {self.process.wait()}")
        message = json.loads(line)
        if "failed" in message:
            raise WorkerFailedError(message["failed"])
        return message

    def turn(self) -> None:
        """Lets the process train for about TURN_SECONDS."""
        time.sleep(PAUSE_SECONDS)
        dispatches = max(1, round(TURN_SECONDS / self.facts["dispatch_seconds"]))
        with contextlib.suppress(BrokenPipeError):  # The answer says why.
            print(dispatches, file=self.input, flush=True)
        told = self.answer()
        self.milliseconds.append(told["milliseconds"])
        self.facts["peak_memory_mib"] = told["peak_memory_mib"]

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self.input.close()
        try:
            self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


def environment(platform: str) -> dict[str, str]:
    """Returns the variables of a worker: it finds this package and jaxgen, and compiles without a cache."""
    path = [str(SCRIPTS), str(SCRIPTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path),
        "JAX_PLATFORMS": "cuda" if platform == "gpu" else "cpu",
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        # Several processes share one GPU.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def alternate(workers: Sequence[Worker], rounds: int) -> None:
    """Gives every worker one turn a round, in an order that is reversed every other round."""
    for number in range(rounds):
        for worker in workers if number % 2 == 0 else reversed(workers):
            worker.turn()


def start_fastest(row: Row, start: Callable[[System], Worker]) -> Worker:
    """Returns the worker of the fastest of a row's alternatives, found by trial; the others have ended.

    Raises:
      WorkerFailedError: if one of them cannot be measured.
    """
    workers = [start(system) for system in row]
    if len(workers) > 1:
        alternate(workers, TRIAL_ROUNDS)
    best = min(workers, key=lambda worker: statistics.median(worker.milliseconds or [0.0]))
    for worker in workers:
        if worker is not best:
            worker.close()
    best.milliseconds.clear()
    return best


@dataclasses.dataclass(frozen=True)
class Result:
    """What was measured of one system in one case.

    Attributes:
      case: the case's name.
      batch: images in a batch.
      system: the row's name.
      setting: which of the row's alternatives was the fastest.
      milliseconds: per training step of one model, one number a round; empty if it failed.
      facts: parameters, device, versions, compile_seconds, first_step_seconds, peak_memory_mib.
      failed: why nothing was measured; empty if something was.
    """

    case: str
    batch: int
    system: str
    setting: str = ""
    milliseconds: Sequence[float] = ()
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    failed: str = ""


def measure(
    name: str,
    case: Case,
    rows: Sequence[Row],
    rounds: int,
    *,
    platform: str,
    threads: int,
    torch_python: str = sys.executable,
    tell: Callable[[str], None] = print,
) -> list[Result]:
    """Returns one result for each row, measured in turns.

    Args:
      name: of the case.
      case: what is trained.
      rows: the systems, each with its alternatives.
      rounds: turns of each system.
      platform: "cpu" or "gpu".
      threads: cores that each system may use.
      torch_python: the interpreter that has torch.
      tell: takes the lines that say what happens.
    Raises:
      RuntimeError: if the libraries train, and not equally many parameters.
    """
    with contextlib.ExitStack() as stack:

        def start(system: System) -> Worker:
            tell(f"{name}: starting {system.name} {system.setting}".rstrip())
            python = torch_python if system.library == "torch" else sys.executable
            return stack.enter_context(contextlib.closing(Worker(system, case, python, platform, threads)))

        entrants: list[Worker | Result] = []
        for row in rows:
            try:
                entrants.append(start_fastest(row, start))
            except WorkerFailedError as error:
                tell(f"{name}: {row[0].name}: {error}")
                entrants.append(Result(name, case.batch, row[0].name, failed=str(error)))
        workers = [entrant for entrant in entrants if isinstance(entrant, Worker)]
        if case.recipe != "restore":
            agree(name, workers)
        tell(f"{name}: {rounds} rounds")
        alternate(workers, rounds)
        return [
            entrant
            if isinstance(entrant, Result)
            else Result(
                name, case.batch, entrant.system.name, entrant.system.setting, entrant.milliseconds, entrant.facts
            )
            for entrant in entrants
        ]


def agree(name: str, workers: Sequence[Worker]) -> None:
    """Checks that every system trains the same number of parameters.

    Raises:
      RuntimeError: if not.
    """
    counts = {worker.system.name: worker.facts["parameters"] for worker in workers}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{system} {count}" for system, count in counts.items())
        raise RuntimeError(f"{name}: the systems train different networks (parameters: {told})")
