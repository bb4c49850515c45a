"""From a command line to a configuration, and from what went wrong to one line and an exit status."""

import contextlib
import dataclasses
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

from jaxgen.allocator import keep_freed_memory
from jaxgen.errors import UnfinishedError, UsageError, unknown

USAGE, FAILED, SIGNALLED = 2, 1, 128
OUT_OF_MEMORY = "the device's memory is full, lower batch_size, width or tile, or raise microbatches"


def field_names(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the dotted name of every field of a dataclass, nested ones included."""
    kinds = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(kinds[field.name]):
            yield from field_names(kinds[field.name], f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def check_flags(kind: type, arguments: Sequence[str]) -> None:
    """Raises for a flag that no field of the dataclass answers to, with the nearest ones."""
    names = {name.replace("_", "-") for name in field_names(kind)}
    negated = {re.sub(r"([^.]+)$", r"no-\1", name) for name in names}
    for argument in arguments:
        flag = argument.split("=")[0].replace("_", "-")
        if flag.startswith("--") and flag[2:] not in names | negated | {"help"}:
            raise unknown("option", flag[2:], names)


def parse(kind: type, arguments: Sequence[str], description: str, program: str) -> Any:
    """Returns the configuration that a command line asks for.

    Args:
      kind: a dataclass, whose field docstrings are the help.
      arguments: the words after the program's name.
      description: what --help begins with.
      program: the name in usage lines.
    Raises:
      UsageError: for a flag or a value that does not fit, in one line.
    """
    import tyro

    check_flags(kind, arguments)
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            return tyro.cli(kind, args=list(arguments), description=description, prog=program)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        lines = [line.strip("│ ").strip() for line in told.getvalue().splitlines() if line.startswith("│")]
        rule = next((i for i, line in enumerate(lines) if set(line) == {"─"}), len(lines))
        raise UsageError(" ".join(lines[:rule]) or told.getvalue().strip()) from None


def use_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX was told another, for the next start."""
    import jax

    if jax.config.jax_compilation_cache_dir:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "jaxgen" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def exit_status(action: Callable[[], Any]) -> int:
    """Runs an action and returns the exit status; what a person can put right is told in one line.

    0: done. 1: training went wrong (something is not finite, or the device's memory is full), or some files failed.
    2: something given must be put right. 128 + the signal's number: stopped by it, after a checkpoint if there was
    anything to save.
    """
    try:
        action()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough, as `head` does; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SIGNALLED + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        told = explain(error)
        if told is None:
            raise
        print(f"jaxgen: {' '.join(told[0].split())}", file=sys.stderr)
        return told[1]
    return 0


def explain(error: BaseException) -> tuple[str, int] | None:
    """Returns what to tell a person of an error, and the exit status; None for a bug, whose traceback is wanted."""
    from jax.errors import JaxRuntimeError

    from jaxgen.training.stopping import Interrupted, NonFiniteError

    match error:
        case UsageError():
            return str(error), USAGE
        case NonFiniteError() | UnfinishedError():
            return str(error), FAILED
        case Interrupted():
            return str(error), SIGNALLED + error.signal
        case KeyboardInterrupt():
            return "stopped; what was saved or written before stays", SIGNALLED + signal.SIGINT
        case JaxRuntimeError() if "RESOURCE_EXHAUSTED" in str(error):
            return f"{OUT_OF_MEMORY}: {str(error).splitlines()[0]}", FAILED
    return None


def run_script(kind: type, build: Callable, description: str, arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs an experiment script: parses the command line, trains, exits.

    Args:
      kind: the script's Config.
      build: the script's build.
      description: the script's docstring, its recipe.
      arguments: the words of the command line; None: those of this process.
    """
    import jax

    from jaxgen.runs.experiment_copy import find_script
    from jaxgen.runs.train import train
    from jaxgen.training import distributed, supervision

    def action() -> None:
        words = sys.argv[1:] if arguments is None else arguments
        config = parse(kind, words, description, find_script(build).name + ".py")
        keep_freed_memory()
        use_compilation_cache()
        if config.distributed:
            status = lambda: exit_status(lambda: train(config, build))
            sys.exit(supervision.supervise(status, distributed.is_lost, jax.distributed.shutdown))
        train(config, build)

    sys.exit(exit_status(action))
