"""Mistakes that a user can correct, told in one line."""

import difflib
from collections.abc import Iterable

LISTED = 12


class UsageError(ValueError):
    """What was given, what is allowed and what to do, in one line. Commands print it and exit with status 2."""


class UnfinishedError(Exception):
    """Some of what was asked for failed, and the rest is done; the message, one line, says what."""


def unknown(kind: str, given: str, allowed: Iterable[str], *, most: int = LISTED) -> UsageError:
    """Returns the error for a name that is not one of those allowed, with the nearest of them first.

    Where there are near ones, a list of more than `most` is left out.

    Args:
      kind: what is named, as in "data set" or "loss".
      given: the name that was given.
      allowed: every name that would have been accepted.
      most: how many are listed beside near ones.
    Returns:
      UsageError, to be raised by the caller.
    """
    allowed = sorted(allowed)
    near = difflib.get_close_matches(given, allowed, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else ""
    listed = "" if near and len(allowed) > most else f"allowed: {', '.join(allowed)}"
    return UsageError(f"unknown {kind} {given!r}: {' '.join(filter(None, (hint, listed)))}")
