"""One process of a distributed training as the child of a process that uses no device and reports how it ended.

If another process ends, or the coordinator cannot be reached, JAX ends this process by SIGABRT with a C++ trace. The
process itself cannot prevent that or replace the trace by a message: JAX takes no Python function as a callback for
it, and with `jax_enable_recoverability` processes wait in a collective for ever, and it does not help if the
first process ends. So the training is a forked child. Its parent passes signals on, holds the trace back, and prints
one line instead.
"""

import contextlib
import mmap
import os
import re
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from jaxgen.training.progress import Progress
from jaxgen.training.stopping import stopping_signals

FAILED, USAGE, SIGNALLED = 1, 2, 128
LOST = 75
"""Exit status of a child that detected by itself that another process has ended."""
PATIENCE = 2.0
"""Seconds that a child waits after a usage error: the other processes may have the same error and print it first."""
CONNECTING, STARTING = -2, -1
OWN = b"jaxgen: "
TRACE = re.compile(rb"[IWEF]\d{4} [\d:.]+ +\d+ (coordination_service|preemption_sync|client\.h)")
VERDICT = b"Terminating process because the JAX distributed service"


class Journal:
    """Memory that a child and its parent share: a number and a text that the child writes and the parent reads.

    The number is the steps taken, or `STARTING` before the first, and the text is the run folder. While the child
    connects to the other processes, the number is `CONNECTING` and the text is the message if that fails.
    """

    _step, _size = struct.Struct("q"), 8192

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._size)
        self.write(STARTING, "")

    def write(self, step: int, text: str | None = None) -> None:
        """Writes a number, and a text unless it is None."""
        if text is not None:
            room = self._size - self._step.size
            self._memory[self._step.size :] = text.encode()[: room - 1].ljust(room, b"\0")
        self._step.pack_into(self._memory, 0, step)

    def read(self) -> tuple[int, str]:
        """Returns the number and the text."""
        text = self._memory[self._step.size :].split(b"\0", 1)[0]
        return self._step.unpack_from(self._memory)[0], text.decode(errors="replace")


_journal: Journal | None = None
"""The journal of this process if it is a supervised child."""


def note(step: int, text: str | None = None) -> None:
    """Writes to the journal of this process; does nothing if it is not a supervised child. See `Journal.write`."""
    if _journal is not None:
        _journal.write(step, text)


class JournalProgress:
    """Progress that is written to the journal, and displayed if there is a display."""

    def __init__(self, display: Progress | None) -> None:
        self._display = display

    def running(self, start: int, steps: int, images_per_step: int) -> contextlib.AbstractContextManager[None]:
        """Returns a context that lasts from step `start` to step `steps`."""
        note(start)
        return self._display.running(start, steps, images_per_step) if self._display else contextlib.nullcontext()

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Writes the step to the journal and displays its metrics."""
        note(step)
        if self._display:
            self._display.update(step, metrics)

    def evaluated(self, step: int, metrics: Mapping[str, float], selected: str, *, best: bool) -> None:
        """Displays the metrics of an evaluation."""
        if self._display:
            self._display.evaluated(step, metrics, selected, best=best)

    def say(self, line: str) -> None:
        """Prints one line without disturbing the display."""
        if self._display:
            self._display.say(line)


def supervise(action: Callable[[], int], is_lost: Callable[[BaseException], bool], leave: Callable[[], None]) -> int:
    """Runs an action in a child of this process and returns its exit status. Called before JAX has a backend.

    Args:
      action: returns an exit status, after printing the reason if it is not 0.
      is_lost: whether an error was raised because another process has ended.
      leave: disconnects from the other processes.
    """
    journal = Journal()
    sys.stdout.flush()
    sys.stderr.flush()
    stderr_read, stderr_write = os.pipe()
    lifeline, held = os.pipe()
    # A signal that comes before the parent passes signals on is delivered once it does.
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, stopping_signals())
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
        os.close(stderr_read)
        os.close(held)
        # In a process group of its own Ctrl-C reaches it once: a second one would end it without a checkpoint.
        os.setpgid(0, 0)
        os.dup2(stderr_write, sys.stderr.fileno())
        os.close(stderr_write)
        _be_child(journal, lifeline, action, is_lost, leave)
    os.close(stderr_write)
    os.close(lifeline)
    listener = Listener(stderr_read)
    with _signals_to(child):
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
        _, ended = os.waitpid(child, 0)
    listener.finish()
    os.close(held)
    status = os.waitstatus_to_exitcode(ended)
    ended_by_jax = status == -signal.SIGABRT and listener.heard(VERDICT)
    if not ended_by_jax and status != LOST:
        listener.repeat()
        return status if status >= 0 else SIGNALLED - status
    if listener.has_message:
        return FAILED
    message, status = explain(journal)
    sys.stderr.write(f"jaxgen: {message}\n")
    return status


def explain(journal: Journal) -> tuple[str, int]:
    """Returns the message for a child that JAX has ended, and the exit status."""
    step, text = journal.read()
    if step == CONNECTING:
        return text, USAGE
    saved = [int(path.name) for path in (Path(text) / "checkpoints").glob("[0-9]*") if path.name.isdigit()]
    when = f"after step {step}" if step > STARTING else "before the first step"
    again = f"goes on from step {max(saved)}" if text and saved else "starts again, as there is no checkpoint yet"
    return f"another process was lost {when}, or ended for a reason that it prints; the same command {again}", FAILED


class Listener:
    """Passes on what a child writes to its standard error, except for the trace with which JAX ends it.

    Attributes:
      has_message: whether a message of this program was among it.
    """

    def __init__(self, source: int) -> None:
        self.has_message, self._held = False, []
        self._thread = threading.Thread(target=self._listen, args=(source,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Waits until all was read, but no longer than 2 s: a grandchild may hold the pipe open."""
        self._thread.join(timeout=2.0)

    def heard(self, words: bytes) -> bool:
        """Returns whether words are in the lines that were held back."""
        return any(words in line for line in self._held)

    def repeat(self) -> None:
        """Passes on the lines that were held back."""
        self._pass_on(b"".join(self._held))

    def _listen(self, source: int) -> None:
        with os.fdopen(source, "rb") as lines:
            for line in lines:
                own = line.startswith(OWN)
                self.has_message = self.has_message or own
                if not own and (self._held or TRACE.match(line)):
                    self._held.append(line)
                else:
                    self._pass_on(line)

    def _pass_on(self, text: bytes) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.buffer.write(text)
            sys.stderr.flush()


@contextlib.contextmanager
def _signals_to(child: int) -> Iterator[None]:
    """A context in which the signals that stop a run are passed on to the child."""

    def pass_on(signum: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signum)

    before = {signum: signal.signal(signum, pass_on) for signum in stopping_signals()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _be_child(
    journal: Journal,
    lifeline: int,
    action: Callable[[], int],
    is_lost: Callable[[BaseException], bool],
    leave: Callable[[], None],
) -> NoReturn:
    """Runs the action and ends the process without exit handlers, in which JAX would wait for lost processes."""
    global _journal  # noqa: PLW0603
    _journal = journal
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    try:
        status = action()
        if status == USAGE:
            # Without `leave`: the others may be in the middle of a step.
            sys.stderr.flush()
            time.sleep(PATIENCE)
        else:
            leave()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else FAILED
    except BaseException as error:
        status = LOST if is_lost(error) else FAILED
        if status == FAILED:
            traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _end_with_parent(lifeline: int) -> None:
    """Ends this process once its parent has ended, which alone holds the other end of the pipe."""
    os.read(lifeline, 1)
    os._exit(FAILED)
