"""Runs each system in its own process and measures them in turns, so that all of them see the same machine load.

Only one process computes at a time. The others wait for a line on their standard input. A load that lasts longer than a
round slows all systems, though not equally: a library that synchronizes its threads waits for the slowest one.
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
PAUSE_SECONDS = 0.05
"""Pause between two turns, in which idle worker threads of the library before go to sleep."""
EXIT_SECONDS = 20


class WorkerFailedError(RuntimeError):
    """A system that cannot be measured. The message says why."""


class Worker:
    """The process of one system. It has trained for a few steps and waits for its turn.

    Attributes:
      system: what it runs.
      information: its parameters, device, versions and times of compilation, and the peak memory after the last turn.
      milliseconds: per training step of one model, one number per turn.
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
            self.information = self.read_message()
        except WorkerFailedError:
            self.close()
            raise

    def read_message(self) -> dict[str, Any]:
        """Returns the next message of the process.

        Raises:
          WorkerFailedError: if the message is an error, or the process has ended.
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
        dispatches = max(1, round(TURN_SECONDS / self.information["dispatch_seconds"]))
        with contextlib.suppress(BrokenPipeError):  # The next message has the reason.
            print(dispatches, file=self.input, flush=True)
        measurement = self.read_message()
        self.milliseconds.append(measurement["milliseconds"])
        self.information["peak_memory_mib"] = measurement["peak_memory_mib"]

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
    """Returns the environment variables of a worker: paths of its modules, the platform, and no compilation cache."""
    path = [str(SCRIPTS), str(SCRIPTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path),
        "JAX_PLATFORMS": "cuda" if platform == "gpu" else "cpu",
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        # Several processes share one GPU.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def alternate(workers: Sequence[Worker], rounds: int) -> None:
    """Gives every worker one turn per round. The order is reversed in every other round."""
    for number in range(rounds):
        for worker in workers if number % 2 == 0 else reversed(workers):
            worker.turn()


def start_fastest(row: Row, start: Callable[[System], Worker]) -> Worker:
    """Starts the alternatives of a row, measures each for a few rounds, and returns the fastest one. The others end.

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
    """The measurements of one system in one case.

    Attributes:
      case: the case's name.
      batch: images in a batch.
      system: the row's name.
      setting: the fastest of the row's alternatives.
      milliseconds: per training step of one model, one number per round; empty if it failed.
      information: parameters, device, versions, compile_seconds, first_step_seconds, peak_memory_mib.
      failed: the reason of a failure; empty otherwise.
    """

    case: str
    batch: int
    system: str
    setting: str = ""
    milliseconds: Sequence[float] = ()
    information: Mapping[str, Any] = dataclasses.field(default_factory=dict)
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
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Measures the rows in turns and returns one result for each.

    Args:
      name: of the case.
      case: networks and sizes.
      rows: the systems, each with its alternatives.
      rounds: turns of each system.
      platform: "cpu" or "gpu".
      threads: cores of each system.
      torch_python: path of an interpreter with torch.
      say: takes lines about the progress.
    Raises:
      RuntimeError: if the systems train networks with different numbers of parameters.
    """
    with contextlib.ExitStack() as stack:

        def start(system: System) -> Worker:
            say(f"{name}: starting {system.name} {system.setting}".rstrip())
            python = torch_python if system.library == "torch" else sys.executable
            return stack.enter_context(contextlib.closing(Worker(system, case, python, platform, threads)))

        entrants: list[Worker | Result] = []
        for row in rows:
            try:
                entrants.append(start_fastest(row, start))
            except WorkerFailedError as error:
                say(f"{name}: {row[0].name}: {error}")
                entrants.append(Result(name, case.batch, row[0].name, failed=str(error)))
        workers = [entrant for entrant in entrants if isinstance(entrant, Worker)]
        if case.recipe != "restore":
            require_same_parameters(name, workers)
        say(f"{name}: {rounds} rounds")
        alternate(workers, rounds)
        return [
            entrant
            if isinstance(entrant, Result)
            else Result(
                name, case.batch, entrant.system.name, entrant.system.setting, entrant.milliseconds, entrant.information
            )
            for entrant in entrants
        ]


def require_same_parameters(name: str, workers: Sequence[Worker]) -> None:
    """Checks that every system trains the same number of parameters.

    Raises:
      RuntimeError: if not.
    """
    counts = {worker.system.name: worker.information["parameters"] for worker in workers}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{system} {count}" for system, count in counts.items())
        raise RuntimeError(f"{name}: the systems train different networks (parameters: {listed})")
