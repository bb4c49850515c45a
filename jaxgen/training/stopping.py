"""Reasons to stop before the last step: signals, non-finite values, a metric that ends the training."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Self

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals after which a run saves and ends: of a scheduler, of Ctrl-C, and of a terminal that is closed."""


def stopping_signals() -> tuple[signal.Signals, ...]:
    """Returns the signals of `STOPPING`, SIGHUP only where it is not ignored, as `nohup` asks for."""
    return tuple(x for x in STOPPING if x != signal.SIGHUP or signal.getsignal(x) != signal.SIG_IGN)


class NonFiniteError(ArithmeticError):
    """A metric or a part of the state became NaN or infinite. No checkpoint of it was written."""

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


class End:
    """The step at which a run ends: the last one of the configuration, or sooner once a metric is 1.

    Attributes:
      step: that step.
    """

    def __init__(self, steps: int, dispatch: int, metric: str, say: Callable[[str], None]) -> None:
        """Begins with the end after all steps.

        Args:
          steps: training steps in all.
          dispatch: steps of one dispatch.
          metric: name of the metric that is 1 once the run is finished; "": none.
          say: prints a line.
        """
        self.step, self._steps, self._dispatch, self._metric, self._say = steps, steps, dispatch, metric, say

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Ends the run one dispatch later if the metric of a step is 1."""
        if metrics.get(self._metric, 0) >= 1 and self.step == self._steps:
            # The next dispatch has usually been issued before this metric was fetched.
            self.step = min(self._steps, step + self._dispatch)
            self._say(f"finished by {self._metric}, at step {self.step}")


class Signals:
    """A context in which the signals of `STOPPING` are recorded; Ctrl-C after one of them ends the process.

    Only the main thread of a Python process receives signals: in another thread nothing is recorded.

    Attributes:
      received: the number of the last signal to this process, or None.
      stop: the number of the signal that ends the training, in all processes after the same step; 0: none.
      late: whether a checkpoint is due by the clock, in all processes at the same step.
    """

    received: int | None = None
    stop, late, _requested = 0, False, False

    def __init__(self, agree: Callable[..., tuple[int, ...]] = lambda *values: values) -> None:
        """Takes the function by which processes agree on integers, see `execute.Program.agree`."""
        self._agree = agree

    def should_stop(self, late: bool) -> bool:
        """Returns whether to stop. Called once for every dispatch.

        Args:
          late: whether a checkpoint is due by the clock of this process.
        """
        # Requested again before the processes have agreed, a checkpoint would be written twice.
        request = late and not self._requested
        self.stop, agreed = self._agree(self.received or 0, int(request))
        self.late = bool(agreed)
        self._requested = (self._requested or request) and not self.late
        return self.stop > 0

    def __enter__(self) -> Self:
        in_main_thread = threading.current_thread() is threading.main_thread()
        handled = stopping_signals() if in_main_thread else ()
        self._terminals = [fd for fd in (1, 2) if os.isatty(fd)]
        self._before = {signum: signal.signal(signum, self._record) for signum in handled}
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _record(self, signum: int, frame: FrameType | None) -> None:
        if self.received is not None and signum == signal.SIGINT:
            signal.default_int_handler(signum, frame)
        self.received = signum
        for fd in self._terminals:
            # What is written to a terminal that is gone would be an error before the run is saved.
            if not os.isatty(fd):
                os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
