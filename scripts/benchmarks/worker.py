"""The process in which one system is measured. It trains on request and sleeps otherwise.

Its argument is a JSON specification. It reads lines with a number of dispatches from standard input and writes one line
of JSON for each.
"""

import importlib
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable

from benchmarks.cases import Case
from benchmarks.program import Program
from jaxgen.allocator import keep_freed_memory

MIB = 2**20
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def reserve_stdout() -> Callable[[dict], None]:
    """Returns a function that writes messages to standard output. Other output goes to standard error."""
    messages = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(message: dict) -> None:
        messages.write(json.dumps(message) + "\n")
        messages.flush()

    return send


def keep_to_cores(count: int) -> None:
    """Restricts this process to `count` of its cores. To be called before any thread starts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def seconds(program: Program, dispatches: int) -> float:
    """Returns the seconds of some dispatches, without the drawing of their inputs."""
    inputs = program.draw(dispatches)
    begin = time.perf_counter()
    program.run(inputs)
    return time.perf_counter() - begin


def peak_mib(program: Program) -> float:
    """Returns the peak memory of the device, or of this process if the device has none of its own."""
    held = program.peak_bytes()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT if held is None else held) / MIB


def start(specification: dict) -> tuple[Program, dict]:
    """Returns the program of a specification, after its first steps, and the information about it."""
    module = importlib.import_module(f"benchmarks.{specification['library']}_systems")
    case = Case(**specification["case"])
    program = module.make(case, **specification["options"])
    first = seconds(program, 1)
    first_step_seconds = time.time() - specification["started"]
    later = min(seconds(program, 1) for _ in range(2))
    return program, {
        "parameters": program.parameters,
        "device": program.device,
        "versions": program.versions,
        "compile_seconds": max(first - later, 0.0),
        "first_step_seconds": first_step_seconds,
        "dispatch_seconds": later,
    }


def main() -> None:
    """Starts the system, then trains as many dispatches as each line of standard input says."""
    send = reserve_stdout()
    specification = json.loads(sys.argv[1])
    keep_to_cores(specification["threads"])
    if specification["keeps_memory"]:
        keep_freed_memory()
    try:
        program, information = start(specification)
    except Exception as error:
        if not isinstance(error, ModuleNotFoundError):
            traceback.print_exc()
        send({"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"})
        return
    send(information)
    for line in sys.stdin:
        dispatches = int(line)
        spent = seconds(program, dispatches)
        send({"milliseconds": 1e3 * spent / (dispatches * program.steps), "peak_memory_mib": peak_mib(program)})


if __name__ == "__main__":
    main()
