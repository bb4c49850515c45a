"""Orbax without its noise: what a person must know of what it does is raised or said elsewhere."""

import contextlib
import gc
import logging
import sys
import warnings
from collections.abc import Iterator


def is_told(record: logging.LogRecord) -> bool:
    """Returns whether a log line is about something else than Orbax and the TensorStore under it."""
    text = f"{record.pathname} {record.getMessage()}"
    return "orbax" not in text and "tensorstore" not in text


def silence_logging() -> None:
    """Drops what Orbax logs, and what asyncio logs of tasks that Orbax left behind."""
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(is_told)


@contextlib.contextmanager
def without_tracebacks() -> Iterator[None]:
    """A context whose first failure is raised and whose others are not told.

    Orbax reads and writes in many tasks at once. Where one fails it drops the rest, and each of them would print that
    nobody waited for it, on a page of its own.
    """
    hooks = sys.excepthook, sys.unraisablehook
    sys.excepthook = sys.unraisablehook = lambda *_: None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            yield
        except Exception:
            gc.collect()  # A task tells of itself when it is collected, which so is here.
            raise
        finally:
            sys.excepthook, sys.unraisablehook = hooks
