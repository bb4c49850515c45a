"""A trial in its own process: trains an experiment, and stops after a checkpoint when the parent process ends.

    python -m jaxgen.sweeps.child EXPERIMENT OPTIONS

The parent process holds the other end of standard input, which the operating system closes when the parent ends.
"""

import os
import signal
import sys
import threading

from jaxgen.runs.command_line import run_script
from jaxgen.runs.scripts import load_script

CORES = "JAXGEN_SWEEP_CORES"
"""Environment variable with the CPU cores of this process, as in "0,1"."""


def stop_with_parent() -> None:
    """Sends this process SIGTERM once standard input is closed."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Trains the experiment on the command line."""
    if cores := os.environ.get(CORES):
        os.sched_setaffinity(0, map(int, cores.split(",")))
    threading.Thread(target=stop_with_parent, daemon=True).start()
    module = load_script(sys.argv[1])
    run_script(module.Config, module.build, module.__doc__ or "", sys.argv[2:])


if __name__ == "__main__":
    main()
