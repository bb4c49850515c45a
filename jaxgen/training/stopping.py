"""Why a run stops before its last step, and how it hears that it should."""

import signal
import threading
from types import FrameType
from typing import Self


class NonFiniteError(ArithmeticError):
    """A metric or a part of the state became NaN or infinite; nothing of it was published."""

    def __init__(self, step: int, name: str, last_good: int | None) -> None:
        good = "there is no checkpoint yet" if last_good is None else f"the last good checkpoint is step {last_good}"
        super().__init__(f"{name} became NaN or infinite at step {step}, which was not saved: {good}")
        self.step, self.name, self.last_good = step, name, last_good


class Interrupted(Exception):
    """A signal stopped the run after a checkpoint."""

    def __init__(self, signum: int, step: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"{name}: step {step} is saved; the same command goes on from there")
        self.signal, self.step = signum, step


class Signals:
    """Notes SIGTERM and Ctrl-C instead of dying of them, as a context; Ctrl-C after either stops at once.

    Python lets only the main thread handle signals: anywhere else nothing is ever noted.

    Attributes:
      received: the number of the last signal, or None.
    """

    received: int | None = None

    def __enter__(self) -> Self:
        in_main_thread = threading.current_thread() is threading.main_thread()
        handled = (signal.SIGTERM, signal.SIGINT) if in_main_thread else ()
        self._before = {signum: signal.signal(signum, self._note) for signum in handled}
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.received is not None and signum == signal.SIGINT:
            signal.default_int_handler(signum, frame)
        self.received = signum
