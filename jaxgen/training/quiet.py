"""Contexts that keep Orbax from printing; errors and damaged checkpoints are raised or reported by their callers."""

import contextlib
import gc
import logging
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_orbax() -> Iterator[None]:
    """Drops the log lines of Orbax and TensorStore, and those of asyncio about tasks that Orbax abandoned."""

    def is_other(record: logging.LogRecord) -> bool:
        text = f"{record.pathname} {record.getMessage()}"
        return "orbax" not in text and "tensorstore" not in text

    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    # Each context adds its own filter, so that nested ones can end in any order.
    for logger in loggers:
        logger.addFilter(is_other)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_other)


@contextlib.contextmanager
def without_tracebacks() -> Iterator[None]:
    """Raises the first error inside, and prints nothing about the others.

    Orbax reads and writes in many tasks at the same time. If one fails, it abandons the rest, and each of them would
    print a traceback when it is collected.
    """
    hooks = sys.excepthook, sys.unraisablehook
    sys.excepthook = sys.unraisablehook = lambda *_: None
    with quiet_orbax(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            yield
        except Exception:
            gc.collect()  # An abandoned task prints when it is collected: here, where that has no effect.
            raise
        finally:
            sys.excepthook, sys.unraisablehook = hooks
