"""A training among several processes as the child of a process that touches no device and tells how it ended.

Where another process is lost, or the coordinator cannot be reached, JAX ends its own by SIGABRT with a C++ trace.
Nothing within that process can prevent it or say it otherwise: the callback that JAX has for it is handed what Python
cannot be given, and `jax_enable_recoverability` leaves those that wait in a collective waiting for ever, and does not
help where the first process is lost. So the training is a forked child. Its parent passes signals on, keeps the trace
back, and tells in one line what it means.
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

FAILED, USAGE, SIGNALLED = 1, 2, 128
LOST = 75
"""The exit status of a child that saw for itself that another process is gone."""
PATIENCE = 2.0
"""Seconds that a child waits with an error of its own: the first process's end is that of all, who may have it too."""
CONNECTING, STARTING = -2, -1
OWN = b"jaxgen: "
TRACE = re.compile(rb"[IWEF]\d{4} [\d:.]+ +\d+ (coordination_service|preemption_sync|client\.h)")
VERDICT = b"Terminating process because the JAX distributed service"


class Journal:
    """What a child tells its parent while it lives, in memory that both share: a number and a text.

    The number is how many steps it has taken, `STARTING` before it knows, with the run's folder as the text; or
    `CONNECTING`, with what to say where it ends before it has met the other processes.
    """

    _step, _size = struct.Struct("q"), 8192

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._size)
        self.write(STARTING, "")

    def write(self, step: int, text: str | None = None) -> None:
        """Notes a number, and a text unless it stays."""
        if text is not None:
            room = self._size - self._step.size
            self._memory[self._step.size :] = text.encode()[: room - 1].ljust(room, b"\0")
        self._step.pack_into(self._memory, 0, step)

    def read(self) -> tuple[int, str]:
        """Returns the number and the text."""
        text = self._memory[self._step.size :].split(b"\0", 1)[0]
        return self._step.unpack_from(self._memory)[0], text.decode(errors="replace")


_journal: Journal | None = None
"""Of this process where it is a supervised child."""


def note(step: int, text: str | None = None) -> None:
    """Tells the parent where this process is, see `Journal`; nothing where there is no parent to be told."""
    if _journal is not None:
        _journal.write(step, text)


class Noted:
    """Progress that is noted for the parent, and shown where there is something to show it on."""

    def __init__(self, shown: Progress | None) -> None:
        self._shown = shown

    def running(self, start: int, steps: int, images_per_step: int) -> contextlib.AbstractContextManager[None]:
        """Returns a context that lasts from step `start` to step `steps`."""
        note(start)
        return self._shown.running(start, steps, images_per_step) if self._shown else contextlib.nullcontext()

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Notes that a step was taken, and shows its metrics."""
        note(step)
        if self._shown:
            self._shown.update(step, metrics)

    def say(self, line: str) -> None:
        """Tells a person one line without disturbing what is shown."""
        if self._shown:
            self._shown.say(line)


def supervise(action: Callable[[], int], is_lost: Callable[[BaseException], bool], leave: Callable[[], None]) -> int:
    """Returns the exit status of an action that a child of this process takes; to be called before JAX has a backend.

    Args:
      action: returns an exit status, having told why it is not 0.
      is_lost: whether what it raises comes of another process that is gone.
      leave: ends what all processes end together.
    """
    journal = Journal()
    sys.stdout.flush()
    sys.stderr.flush()
    said, saying = os.pipe()
    lifeline, held = os.pipe()
    # A signal that comes before the parent passes signals on waits until it does.
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        os.close(said)
        os.close(held)
        # Of a group of its own, so that Ctrl-C reaches it once: two of them mean that it shall not save first.
        os.setpgid(0, 0)
        os.dup2(saying, sys.stderr.fileno())
        os.close(saying)
        _be_child(journal, lifeline, action, is_lost, leave)
    os.close(saying)
    os.close(lifeline)
    listener = Listener(said)
    with _signals_to(child):
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        _, ended = os.waitpid(child, 0)
    listener.finish()
    os.close(held)
    status = os.waitstatus_to_exitcode(ended)
    ended_by_jax = status == -signal.SIGABRT and listener.heard(VERDICT)
    if not ended_by_jax and status != LOST:
        listener.repeat()
        return status if status >= 0 else SIGNALLED - status
    if listener.told:
        return FAILED
    told, status = explain(journal)
    sys.stderr.write(f"jaxgen: {told}\n")
    return status


def explain(journal: Journal) -> tuple[str, int]:
    """Returns what to tell of a child that JAX has ended, and the exit status."""
    step, text = journal.read()
    if step == CONNECTING:
        return text, USAGE
    saved = [int(path.name) for path in (Path(text) / "checkpoints").glob("[0-9]*") if path.name.isdigit()]
    when = f"after step {step}" if step > STARTING else "before the first step"
    again = f"goes on from step {max(saved)}" if text and saved else "starts again, as there is no checkpoint yet"
    return f"another process was lost {when}, or ended for a reason that it tells; the same command {again}", FAILED


class Listener:
    """Passes on what a child writes to its standard error, except for the trace with which JAX ends it.

    Attributes:
      told: whether a line of this program's own was among it.
    """

    def __init__(self, source: int) -> None:
        self.told, self._held = False, []
        self._thread = threading.Thread(target=self._listen, args=(source,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Waits until all was read; what else holds the pipe open, such as a grandchild, is not waited for."""
        self._thread.join(timeout=2.0)

    def heard(self, words: bytes) -> bool:
        """Returns whether words are among what was kept back."""
        return any(words in line for line in self._held)

    def repeat(self) -> None:
        """Passes on what was kept back."""
        self._pass_on(b"".join(self._held))

    def _listen(self, source: int) -> None:
        with os.fdopen(source, "rb") as lines:
            for line in lines:
                own = line.startswith(OWN)
                self.told = self.told or own
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
    """A context in which the signals that end a training are the child's."""

    def pass_on(signum: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signum)

    before = {signum: signal.signal(signum, pass_on) for signum in (signal.SIGTERM, signal.SIGINT)}
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
    """Takes the action and ends, without what Python does at its end: JAX would wait there for those that are gone."""
    global _journal  # noqa: PLW0603
    _journal = journal
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    try:
        status = action()
        if status == USAGE:
            # Not for the others to leave too, who may be in the middle of a step.
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
    """Ends this process once its parent is no more, which alone holds the pipe's other end."""
    os.read(lifeline, 1)
    os._exit(FAILED)
