"""The command of each task of a job: a `jaxgen` command in which the shell fills in the task's number."""

import shlex
from collections.abc import Sequence
from pathlib import PurePath


class RefusedError(ValueError):
    """An error that the user can correct: one line with what was given, what is allowed and what to do."""


STORAGE = "JAXGEN_STORAGE"
"""Environment variable from which a sweep reads the URL of its storage."""


def check(words: Sequence[str], tasks: int, hosts: int, *, has_storage: bool) -> None:
    """Checks a command.

    Args:
      words: the command without `jaxgen`.
      tasks: number of tasks.
      hosts: machines of each task.
      has_storage: whether a sweep has a storage that its tasks share.
    Raises:
      RefusedError: if the command cannot be launched.
    """
    if len(words) < 2 or words[0] not in ("train", "sweep") or words[1].startswith("-"):
        given = shlex.join(words) or "nothing"
        raise RefusedError(f"{given} after --: give `-- train EXPERIMENT OPTIONS` or `-- sweep EXPERIMENT OPTIONS`")
    if words[0] == "sweep" and hosts > 1:
        raise RefusedError(f"--hosts {hosts}: for one training alone; a sweep goes over machines by --tasks")
    if words[0] == "sweep" and tasks > 1 and not has_storage:
        raise RefusedError(
            f"--tasks {tasks} of a sweep share one study: add --storage to its options, as in postgresql://HOST/NAME, "
            f"or set {STORAGE} to that"
        )


def experiment(words: Sequence[str]) -> str:
    """Returns the name of the experiment of a command."""
    return PurePath(words[1]).stem


def value(words: Sequence[str], option: str) -> str:
    """Returns the last value of an option, which is one word or two, or an empty string."""
    last = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            last = following
        elif word.startswith(f"{option}="):
            last = word.partition("=")[2]
    return last


def without(words: Sequence[str], option: str) -> list[str]:
    """Returns words without an option and its value."""
    others: list[str] = []
    skip = False
    for word in words:
        if not skip and word != option and not word.startswith(f"{option}="):
            others.append(word)
        skip = not skip and word == option
    return others


def shell_command(words: Sequence[str], tasks: int) -> str:
    """Returns the command of one task, quoted for a POSIX shell. The shell variable $task holds the task's number.

    Each of several trainings has its own seed and run folder. Seeds count up from --seed or 0. Run folders are
    seed-SEED inside --run or runs/EXPERIMENT.

    Args:
      words: the command without `jaxgen`, see `check`.
      tasks: number of tasks.
    Raises:
      RefusedError: if --seed is no integer of at least 0.
    """
    if words[0] == "sweep" or tasks == 1:
        return shlex.join(["jaxgen", *words])
    first, run = value(words, "--seed") or "0", value(words, "--run") or f"runs/{experiment(words)}"
    if not first.isdecimal():
        raise RefusedError(f"--seed {first}: give the seed of the first task, an integer of at least 0")
    plain = shlex.join(["jaxgen", *without(without(words, "--seed"), "--run")])
    # The shell would take a leading zero for octal.
    seed = f"$(({int(first)} + task))"
    return f'{plain} --seed "{seed}" --run {shlex.quote(run)}/"seed-{seed}"'
