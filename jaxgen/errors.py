"""Errors that a user can correct, each one line."""

import contextlib
import difflib
from collections.abc import Iterable, Iterator

MAX_LISTED = 12
"""Names above which an error that suggests near names leaves out the list of allowed ones."""

MAX_SHOWN = 100
"""Characters of an unknown name that an error repeats."""


class UsageError(ValueError):
    """An error that the user can correct: one line with what was given, what is allowed and what to do.

    Commands print it and exit with status 2.
    """


class UnfinishedError(Exception):
    """Some of several items failed and the others are done. The message, one line, names those that failed."""


def unknown(
    kind: str, given: str, allowed: Iterable[str], *, max_listed: int = MAX_LISTED, listing: str = ""
) -> UsageError:
    """Returns the error for a name that is not allowed. The message suggests the nearest allowed names.

    Args:
      kind: what the name is of, for example "data set" or "loss".
      given: the name that was given.
      allowed: all allowed names.
      max_listed: the message lists all allowed names if there is no near one, or if they are at most so many.
      listing: a clause that says what lists the names, in place of a list of more than `max_listed`.
    Returns:
      UsageError, to be raised by the caller.
    """
    allowed = sorted(allowed)
    near = near_names(given, allowed)
    hint = f"did you mean {' or '.join(near)}?" if near else ""
    given = given if len(given) <= MAX_SHOWN else f"{given[:MAX_SHOWN]}…"
    listed = f"allowed: {', '.join(allowed)}"
    if len(allowed) > max_listed and (near or listing):
        listed = "" if near else listing
    return UsageError(f"unknown {kind} {given!r}: {' '.join(filter(None, (hint, listed)))}")


def near_names(given: str, allowed: Iterable[str]) -> list[str]:
    """Returns at most three allowed names that are spelled like a given one, or have it as their initials.

    Upper case and lower case, "-" and "_" are the same. A dotted name is also found by its last part and that part's
    initials: hyper.learning-rate by "learning-rate", "lr" and "hyper.lr".
    """
    plain = {name.casefold().replace("_", "-"): name for name in allowed}
    word = given.casefold().replace("_", "-")
    last = word.rpartition(".")[2]

    def is_short(name: str) -> bool:
        part = name.rpartition(".")[2]
        return len(last) > 1 and last in {part, "".join(piece[:1] for piece in part.split("-"))}

    meant = list(filter(is_short, plain))
    return [plain[name] for name in meant or difflib.get_close_matches(word, plain, n=3)][:3]


@contextlib.contextmanager
def requires(extra: str, feature: str) -> Iterator[None]:
    """A context for imports of optional dependencies.

    Args:
      extra: name of the extra of this package that installs them.
      feature: what needs them, the subject of the message, for example "a sweep".
    Raises:
      UsageError: if a module is not installed. The message names the module and the command that installs the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(f"{feature} needs {error.name}: pip install 'jaxgen[{extra}]'") from error
