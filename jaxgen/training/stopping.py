"""Why a run stops before its last step, and how it hears that it should."""

import signal
import threading
from collections.abc import Callable, Mapping
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


class End:
    """The step at which a run ends: the last one it was asked for, or sooner once a metric says that it is finished.

    Attributes:
      step: that step.
    """

    def __init__(self, steps: int, dispatch: int, metric: str, say: Callable[[str], None]) -> None:
        """Takes the steps asked for, those of one dispatch, the metric that is 1 at the end ("": none), and `say`."""
        self.step, self._steps, self._dispatch, self._metric, self._say = steps, steps, dispatch, metric, say

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Ends the run one dispatch later if the metric of a step is 1."""
        if metrics.get(self._metric, 0) >= 1 and self.step == self._steps:
            # The next dispatch is mostly on its way when this becomes known.
            self.step = min(self._steps, step + self._dispatch)
            self._say(f"finished by {self._metric}, at step {self.step}")


class Signals:
    """Notes SIGTERM and Ctrl-C instead of dying of them, as a context; Ctrl-C after either stops at once.

    Python lets only the main thread handle signals: anywhere else nothing is ever noted.

    Attributes:
      received: the number of the last signal to this process, or None.
      stop: the number of the signal that ends the training, in all processes after the same step; 0: none.
      late: whether it is time for a checkpoint, to all processes at the same step.
    """

    received: int | None = None
    stop, late, _asked = 0, False, False

    def __init__(self, agree: Callable[..., tuple[int, ...]] = lambda *wanted: wanted) -> None:
        """Takes what makes of this process's wishes those of all, see `execute.Program`."""
        self._agree = agree

    def settle(self, late: bool) -> bool:
        """Returns whether to stop; to be called once for every dispatch.

        Args:
          late: whether this process's clock says that a checkpoint is due.
        """
        # Asked for again before it is there, a checkpoint would be written twice.
        wanted = late and not self._asked
        self.stop, agreed = self._agree(self.received or 0, int(wanted))
        self.late = bool(agreed)
        self._asked = (self._asked or wanted) and not self.late
        return self.stop > 0

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
