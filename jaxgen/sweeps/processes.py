"""Trials as processes, each of which trains as the experiment's script does, on a device of its own.

Anything may be searched so, and a run that was interrupted goes on from its checkpoint.
"""

import dataclasses
import glob
import importlib.util
import itertools
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from jaxgen.errors import UsageError
from jaxgen.runs.disk.run_folder import RunFolder, lock
from jaxgen.sweeps import child
from jaxgen.sweeps.population import run_folder
from jaxgen.sweeps.trials import WAIT_SECONDS, Ledger, Trial

POLL_SECONDS = 0.2
FREE_SECONDS = 60
OUTPUT = "output.txt"
DEVICE = re.compile(r"\d+|(GPU|MIG)-.+")
"""A name of a GPU as CUDA takes it."""
OTHERS = (
    ("ROCm", ("jax_rocm7_plugin", "jax_rocm60_plugin"), ("/dev/kfd",)),
    ("TPU", ("libtpu",), ("/dev/accel*", "/dev/vfio/[0-9]*")),
)
"""Accelerators that are not NVIDIA's: their name, what JAX needs to use them, and their devices."""
STOPPED = {status for signum in (signal.SIGTERM, signal.SIGINT) for status in (-signum, 128 + signum)}
"""Statuses of a process that somebody asked to stop, as a cluster does that takes a machine away."""


@dataclasses.dataclass
class Attempt:
    """A trial whose seeds train one after the other in a slot.

    Attributes:
      trial: which.
      seed: which of its seeds trains, from 0.
      process: that trains it.
      path: its run's folder.
      values: the metric of the seeds before.
      seen: the last step whose metric was reported.
    """

    trial: Trial
    seed: int
    process: subprocess.Popen
    path: Path
    values: list[float]
    seen: int = 0


def accelerators() -> list[str]:
    """Returns the names of the NVIDIA GPUs that a process may be given, as CUDA_VISIBLE_DEVICES takes them.

    They are asked for without JAX, which would take their memory for itself.
    """
    if platform() not in ("", "cuda", "gpu"):
        return []
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        # CUDA sees no device from the first name on that is none, as -1 is.
        return list(itertools.takewhile(DEVICE.fullmatch, map(str.strip, told.split(","))))
    if not shutil.which("nvidia-smi"):
        return []
    asked = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    listed = subprocess.run(asked, check=False, capture_output=True, text=True)
    return listed.stdout.split() if listed.returncode == 0 else []


def other_accelerator() -> str:
    """Returns "ROCm" or "TPU" where JAX would take such devices, else nothing."""
    for name, plugins, devices in OTHERS:
        asked = platform() == name.lower()
        here = any(map(importlib.util.find_spec, plugins)) and any(glob.glob(device) for device in devices)
        if asked or (platform() in ("", "gpu") and here):
            return name
    return ""


def platform() -> str:
    """Returns what JAX was told to compute on first, nothing where it chooses by itself."""
    return os.environ.get("JAX_PLATFORMS", "").split(",")[0].strip().lower()


def environments(count: int) -> list[dict[str, str]]:
    """Returns what each of a number of slots adds to its processes' environment: a GPU each, or its share of the cores.

    Raises:
      UsageError: if there are GPUs, and fewer than slots, or accelerators that cannot be shared out.
    """
    if names := accelerators():
        if count > len(names):
            raise UsageError(
                f"{count} processes were asked for and {len(names)} GPUs are here: give at most that, or set "
                "JAX_PLATFORMS=cpu for processes on the cores"
            )
        return [{"CUDA_VISIBLE_DEVICES": name} for name in names[:count]]
    if count > 1 and (other := other_accelerator()):
        # Which variables tell a process its chips depends on their generation, and none of it could be tried.
        raise UsageError(
            f"{count} processes would each take every {other} device: give --processes 1, start a sweep for each "
            "device with a --storage that they share, or set JAX_PLATFORMS=cpu for processes on the cores"
        )
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if count == 1 or count > len(cores):
        return [{}] * count
    return [{child.CORES: ",".join(map(str, cores[i::count]))} for i in range(count)]


class Answerer:
    """Answers a ledger's trials by processes."""

    def __init__(
        self,
        ledger: Ledger,
        script: str,
        words: Sequence[str],
        folder: Path,
        *,
        processes: int,
        say: Callable[[str], None],
    ) -> None:
        """Takes the sweep's trials, the experiment's script and options, the runs' folder, and how many run at once."""
        self.ledger, self.script, self.words, self.folder, self.say = ledger, script, list(words), folder, say
        self.slots: list[Attempt | None] = [None] * processes
        self.environments = environments(processes)
        self.trained = self.waited = 0.0

    def describe(self) -> str:
        """Returns how trials are answered, in words."""
        return "one process at a time" if len(self.slots) == 1 else f"{len(self.slots)} processes at a time"

    def seconds(self) -> dict[str, float]:
        """Returns where the time went, by name: training includes their start, waiting is for other workers."""
        return {"training": self.trained} | ({"waiting": self.waited} if self.waited else {})

    def run(self, count: int, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Yields every trial that this process answered, until all of a number of tickets are or it is stopped."""
        try:
            while not stopped() and not self.ledger.is_complete(count):
                self.ledger.fill(count)
                for slot, attempt in enumerate(self.slots):
                    if attempt is None and (trial := self.ledger.take(count)):
                        self.slots[slot] = self.begin(slot, trial, 0, [])
                if any(self.slots):
                    yield from self.watch(stopped)
                else:
                    time.sleep(WAIT_SECONDS)
                    self.waited += WAIT_SECONDS
        finally:
            self.end()

    def begin(self, slot: int, trial: Trial, seed: int, values: list[float]) -> Attempt:
        """Starts the process of one seed of a trial."""
        path = run_folder(self.folder, trial, seed)
        path.mkdir(parents=True, exist_ok=True)
        wait_until_free(path)
        plan = self.ledger.plan
        command = [
            *(sys.executable, "-m", "jaxgen.sweeps.child", self.script, *self.words, *plan.space.flags(trial.values)),
            *("--seed", str(plan.space.config.seed + seed), "--run", str(path)),
        ]
        with (path / OUTPUT).open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self.environments[slot],
                # Ctrl-C on a terminal is for the sweep, which then ends its processes itself.
                start_new_session=True,
            )
        return Attempt(trial, seed, process, path, values)

    def watch(self, stopped: Callable[[], bool]) -> Iterator[Trial]:
        """Waits until a trial has ended, or it is stopped; yields the trials that have."""
        while any(self.slots) and not stopped():
            begin = time.perf_counter()
            time.sleep(POLL_SECONDS)
            self.trained += time.perf_counter() - begin
            ended = [slot for slot, attempt in enumerate(self.slots) if attempt and self.look(slot, attempt)]
            for slot in ended:
                trial, self.slots[slot] = self.slots[slot].trial, None
                yield trial
            if ended:
                return

    def look(self, slot: int, attempt: Attempt) -> bool:
        """Reports what a process has measured since; returns whether its trial has ended."""
        running = attempt.process.poll() is None
        plan, steps = self.ledger.plan, self.ledger.plan.space.config.steps
        history = [
            (line["step"], line[plan.metric]) for line in RunFolder(attempt.path).history() if plan.metric in line
        ]
        for step, value in history:
            if attempt.seen < step and step % plan.every == 0 and math.isfinite(value):
                attempt.seen = step
                # The other seeds tell how far results lie apart, and are not given up.
                if attempt.seed == 0 and self.ledger.report(attempt.trial, step, value) and step < steps:
                    stop(attempt.process)
                    self.ledger.answer(attempt.trial, [value], {"steps": step}, pruned=True)
                    return True
        if running:
            return False
        attempt.process.stdin.close()
        if attempt.process.returncode in STOPPED or attempt.process.returncode < 0:
            self.ledger.give_back(attempt.trial, died=attempt.process.returncode not in STOPPED)
            return True
        last = history[-1] if history else (0, math.nan)
        if attempt.process.returncode or not math.isfinite(last[1]):
            self.ledger.fail(attempt.trial, f"seed {attempt.seed}: {reason(attempt)}")
            return True
        values = [*attempt.values, last[1]]
        if len(values) < plan.seeds:
            self.slots[slot] = self.begin(slot, attempt.trial, attempt.seed + 1, values)
            return False
        self.ledger.answer(attempt.trial, values, {"steps": last[0]})
        return True

    def end(self) -> None:
        """Stops the processes that still run, each after a checkpoint."""
        running = [attempt.process for attempt in self.slots if attempt]
        for process in running:
            process.terminate()
        for process in running:
            stop(process)


def stop(process: subprocess.Popen) -> None:
    """Ends a process, which saves its run first, and waits for it."""
    process.terminate()
    process.stdin.close()
    process.wait()


def reason(attempt: Attempt) -> str:
    """Returns the last thing that a process said."""
    lines = (attempt.path / OUTPUT).read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"ended with status {attempt.process.returncode}"


def wait_until_free(path: Path) -> None:
    """Waits for a process that still saves a run, as one does whose parent was killed.

    Raises:
      UsageError: if it does not end.
    """
    deadline = time.monotonic() + FREE_SECONDS
    while True:
        try:
            with lock(path / ".lock"):
                return
        except UsageError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
