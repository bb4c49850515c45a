"""What each task of a launch runs: a `jaxgen` command in which the shell fills in the task's number."""

import shlex
from collections.abc import Sequence
from pathlib import PurePath


class RefusedError(ValueError):
    """What was given, what is allowed and what to do, in one line."""


def check(words: Sequence[str], tasks: int, hosts: int) -> None:
    """Raises RefusedError for what cannot be launched.

    Args:
      words: of the command, without `jaxgen`.
      tasks: how many times it runs.
      hosts: on how many machines each of these does.
    """
    if len(words) < 2 or words[0] not in ("train", "sweep") or words[1].startswith("-"):
        given = shlex.join(words) or "nothing"
        raise RefusedError(f"{given} after --: give `-- train EXPERIMENT OPTIONS` or `-- sweep EXPERIMENT OPTIONS`")
    if words[0] == "sweep" and hosts > 1:
        raise RefusedError(f"--hosts {hosts}: for one training alone; a sweep goes over machines by --tasks")
    if words[0] == "sweep" and tasks > 1 and not value(words, "--storage"):
        raise RefusedError(
            f"--tasks {tasks} of a sweep share one study: add --storage to its options, as in postgresql://HOST/NAME"
        )


def experiment(words: Sequence[str]) -> str:
    """Returns the name of the experiment of a command."""
    return PurePath(words[1]).stem


def value(words: Sequence[str], option: str) -> str:
    """Returns the last value of an option, given as one word or as two; empty where there is none."""
    found = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            found = following
        elif word.startswith(f"{option}="):
            found = word.partition("=")[2]
    return found


def without(words: Sequence[str], option: str) -> list[str]:
    """Returns words without an option and its value."""
    kept, skip = [], False
    for word in words:
        if not skip and word != option and not word.startswith(f"{option}="):
            kept.append(word)
        skip = not skip and word == option
    return kept


def shell_command(words: Sequence[str], tasks: int) -> str:
    """Returns the command of the task whose number the shell has as $task, quoted for a POSIX shell.

    Of several trainings each has a seed and a run folder of its own: the seeds count up from that of the words, or from
    0, and the folders, named by their seeds, are in that of the words, or in runs/EXPERIMENT.

    Args:
      words: of the command, without `jaxgen`; see `check`.
      tasks: how many there are.
    Raises:
      RefusedError: if seeds cannot be counted from that of the words.
    """
    if words[0] == "sweep" or tasks == 1:
        return shlex.join(["jaxgen", *words])
    first, run = value(words, "--seed") or "0", value(words, "--run") or f"runs/{experiment(words)}"
    if not first.isdecimal():
        raise RefusedError(f"--seed {first}: the first of the tasks' seeds; give a whole number of at least 0")
    plain = shlex.join(["jaxgen", *without(without(words, "--seed"), "--run")])
    # The shell would take a leading zero for octal.
    seed = f"$(({int(first)} + task))"
    return f'{plain} --seed "{seed}" --run {shlex.quote(run)}/"seed-{seed}"'
