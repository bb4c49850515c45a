"""A trial in a process of its own: an experiment that ends, after a checkpoint, as soon as its parent does.

    python -m jaxgen.sweeps.child EXPERIMENT OPTIONS

The parent holds the other end of standard input, which the system closes with it however it dies.
"""

import os
import signal
import sys
import threading

from jaxgen.runs.command_line import run_script
from jaxgen.runs.scripts import load_script

CORES = "JAXGEN_SWEEP_CORES"
"""Environment variable with the cores of this process, as in "0,1"."""


def end_with_parent() -> None:
    """Asks this process to stop once standard input is closed."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Trains the experiment that the command line names."""
    if cores := os.environ.get(CORES):
        os.sched_setaffinity(0, map(int, cores.split(",")))
    threading.Thread(target=end_with_parent, daemon=True).start()
    module = load_script(sys.argv[1])
    run_script(module.Config, module.build, module.__doc__ or "", sys.argv[2:])


if __name__ == "__main__":
    main()
