"""The process in which one system is measured: it trains when it is told to and otherwise sleeps.

It is started with a JSON specification as its argument, reads one number of dispatches a line from standard input and
answers each with one line of JSON.
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


def claim_answers() -> Callable[[dict], None]:
    """Returns the function that answers the coordinator, and sends whatever else is printed to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    return answer


def keep_to_cores(count: int) -> None:
    """Restricts this process, before any thread is started, to so many of the cores it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def seconds(program: Program, dispatches: int) -> float:
    """Returns the time that so many dispatches take; drawing their inputs is not in it."""
    inputs = program.draw(dispatches)
    begin = time.perf_counter()
    program.run(inputs)
    return time.perf_counter() - begin


def peak_mib(program: Program) -> float:
    """Returns the peak memory of the device, or of this process where the device has none of its own."""
    held = program.peak_bytes()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT if held is None else held) / MIB


def start(specification: dict) -> tuple[Program, dict]:
    """Returns the program asked for, after its first steps, and what the coordinator is told about it."""
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
    """Starts the system, then trains for as long as the coordinator asks."""
    answer = claim_answers()
    specification = json.loads(sys.argv[1])
    keep_to_cores(specification["threads"])
    if specification["keeps_memory"]:
        keep_freed_memory()
    try:
        program, facts = start(specification)
    except Exception as error:
        if not isinstance(error, ModuleNotFoundError):
            traceback.print_exc()
        answer({"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"})
        return
    answer(facts)
    for line in sys.stdin:
        dispatches = int(line)
        spent = seconds(program, dispatches)
        answer({"milliseconds": 1e3 * spent / (dispatches * program.steps), "peak_memory_mib": peak_mib(program)})


if __name__ == "__main__":
    main()
