"""Display of a training's progress: a bar on a terminal, one line in a notebook, plain lines elsewhere."""

import errno
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, Protocol, TextIO

SHOWN_METRICS = 6
ABBREVIATIONS = {"discriminator": "D", "generator": "G"}
"""Names of players beside a bar."""
WINDOW_SECONDS = 30.0


@contextmanager
def unless_gone() -> Iterator[None]:
    """A context in which a terminal that was closed is no error: a run goes on to save its state."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise


def say(line: str) -> None:
    """Prints one line on standard error, or in a notebook, which shows that as a failure, on standard output."""
    with unless_gone():
        print(line, file=sys.stdout if is_notebook() else sys.stderr, flush=True)


class Progress(Protocol):
    """Displays the progress of a run."""

    def running(self, start: int, steps: int, images_per_step: int) -> AbstractContextManager[None]:
        """Returns a context that lasts from step `start` to step `steps`."""
        ...

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Displays a step and its metrics."""

    def evaluated(self, step: int, metrics: Mapping[str, float], selected: str, *, best: bool) -> None:
        """Displays the metrics of an evaluation.

        Args:
          step: training steps taken.
          metrics: of the evaluation.
          selected: the metric that selects the best checkpoint.
          best: whether it is the best so far.
        """

    def say(self, line: str) -> None:
        """Prints one line without disturbing the display."""


@contextmanager
def reminding(
    activity: Callable[[], str] | str, say: Callable[[str], None], seconds: float = 10.0
) -> Iterator[Callable[[], None]]:
    """Prints a line every few seconds while an activity lasts that shows nothing of itself.

    Args:
      activity: what takes time, such as "compiling", or a function that returns it.
      say: takes the lines.
      seconds: between two lines.
    Yields:
      a function that ends the lines before the context ends.
    """
    ended, begin = threading.Event(), time.monotonic()

    def remind() -> None:
        while not ended.wait(seconds):
            name = activity() if callable(activity) else activity
            say(f"{name}, {time.monotonic() - begin:.0f} s")

    thread = threading.Thread(target=remind, daemon=True)
    thread.start()
    try:
        yield ended.set
    finally:
        ended.set()
        thread.join()


class Rate:
    """Steps per second over the last half minute. The first call sets the clock, so that compilation does not count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, step: int) -> float:
        """Returns steps/s up to `step`, 0 at the first call."""
        now = self.clock()
        self._seen.append((now, step))
        while now - self._seen[0][0] > WINDOW_SECONDS and len(self._seen) > 2:
            self._seen.popleft()
        then, before = self._seen[0]
        return (step - before) / (now - then) if now > then else 0.0


class Summary:
    """One line about a run: steps, losses, score, speed and remaining time."""

    def __init__(self, steps: int, images_per_step: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.steps, self.images_per_step = steps, images_per_step
        self._rate = Rate(clock)
        self._score: list[str] = []

    def evaluation_text(self, step: int, metrics: Mapping[str, float], selected: str, *, best: bool) -> str:
        """Returns the line of an evaluation, the selected metric first, which later lines show as the score."""
        ordered = sorted(metrics.items(), key=lambda item: item[0] != selected)[:SHOWN_METRICS]
        names = shorten([name for name, _ in ordered])
        values = [f"{name} {value:.4g}" for name, (_, value) in zip(names, ordered, strict=True)]
        self._score = [f"{names[0]} {ordered[0][1]:.3g}"] if selected in metrics else []
        return "  ".join([f"evaluation at step {step}", *values] + ["the best so far"] * best)

    def text(self, step: int, metrics: Mapping[str, float]) -> str:
        """Returns the line; rates are left out at the first call."""
        parts = [f"step {step}/{self.steps}"]
        if rate := self._rate.update(step):
            parts += [f"{rate:.3g} steps/s", f"{rate * self.images_per_step:.0f} images/s", self._left(step, rate)]
        losses_first = sorted(metrics.items(), key=lambda item: not item[0].endswith("/loss"))
        shown = losses_first[:SHOWN_METRICS]
        names = shorten([name for name, _ in shown])
        parts += [f"{name} {value:.3g}" for name, (_, value) in zip(names, shown, strict=True)]
        return "  ".join(parts + [f"last evaluation {score}" for score in self._score])

    def short_text(self, step: int, metrics: Mapping[str, float]) -> str:
        """Returns a line that fits beside a bar in 80 columns: steps, the losses of all players, score, time left."""
        losses = {name.removesuffix("/loss"): value for name, value in metrics.items() if name.endswith("/loss")}
        names = ["loss"] if len(losses) == 1 else [ABBREVIATIONS.get(name, name) for name in losses]
        parts = [f"{step}/{self.steps}"]
        parts += [f"{name} {value:.3g}" for name, value in zip(names, losses.values(), strict=True)]
        parts += self._score
        if rate := self._rate.update(step):
            parts += [self._left(step, rate), f"{rate:.3g} steps/s"]
        return "  ".join(parts)

    def _left(self, step: int, rate: float) -> str:
        return f"{timedelta(seconds=round((self.steps - step) / rate))} left"


def shorten(names: Sequence[str]) -> list[str]:
    """Returns the last part of each name, and the whole name where two have the same last part."""
    last = [name.rsplit("/", 1)[-1] for name in names]
    return [short if last.count(short) == 1 else name for name, short in zip(names, last, strict=True)]


class Lines:
    """Plain lines, one every few seconds and one for the last step."""

    def __init__(
        self, stream: TextIO | None = None, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stream, self.seconds, self.clock = stream or sys.stdout, seconds, clock

    @contextmanager
    def running(self, start: int, steps: int, images_per_step: int) -> Iterator[None]:
        """Returns a context that lasts from step `start` to step `steps`."""
        del start
        self._summary, self._printed = Summary(steps, images_per_step, self.clock), float("-inf")
        yield

    def evaluated(self, step: int, metrics: Mapping[str, float], selected: str, *, best: bool) -> None:
        """Prints a line of scores."""
        self.say(self._summary.evaluation_text(step, metrics, selected, best=best))

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Prints a line if the last one is old enough or the run is over."""
        text, now = self._summary.text(step, metrics), self.clock()
        if now - self._printed >= self.seconds or step == self._summary.steps:
            self._printed = now
            self.say(text)

    def say(self, line: str) -> None:
        """Prints one line."""
        with unless_gone():
            print(line, file=self.stream, flush=True)


class Bar:
    """A bar that stays in its place at the bottom of a terminal of 80 columns or more. Needs rich."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console

        self._console = Console(file=stream or sys.stdout)

    @contextmanager
    def running(self, start: int, steps: int, images_per_step: int) -> Iterator[None]:
        """Returns a context that lasts from step `start` to step `steps`."""
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        text = TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        self._summary = Summary(steps, images_per_step)
        self._bar = Progress(BarColumn(bar_width=10), text, console=self._console)
        label = f"{start}/{steps}  compiling" if start < steps else f"{start}/{steps}"
        self._task = self._bar.add_task("", total=steps, completed=start, text=label)
        self._bar.start()
        try:
            yield
        finally:
            with unless_gone():
                self._bar.stop()

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Moves the bar."""
        with unless_gone():
            self._bar.update(self._task, completed=step, text=self._summary.short_text(step, metrics))

    def evaluated(self, step: int, metrics: Mapping[str, float], selected: str, *, best: bool) -> None:
        """Prints a line of scores above the bar."""
        self.say(self._summary.evaluation_text(step, metrics, selected, best=best))

    def say(self, line: str) -> None:
        """Prints one line above the bar."""
        with unless_gone():
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Notebook(Lines):
    """One line of a notebook that is replaced again and again, and lines above it."""

    def __init__(self, seconds: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(seconds=seconds, clock=clock)
        self._lines: list[str] = []

    @contextmanager
    def running(self, start: int, steps: int, images_per_step: int) -> Iterator[None]:
        """Returns a context that lasts from step `start` to step `steps`."""
        from IPython.display import display

        self._lines, self._last = [], f"step {start}/{steps}"
        self._handle: Any = display({"text/plain": self._last}, raw=True, display_id=True)
        with super().running(start, steps, images_per_step):
            yield

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Replaces the line if it is old enough or the run is over."""
        self._seen, now = (step, metrics), self.clock()
        self._last = f"step {self._summary.short_text(step, metrics)}"
        if now - self._printed >= self.seconds or step == self._summary.steps:
            self._printed = now
            self._show()

    def evaluated(self, step: int, metrics: Mapping[str, float], selected: str, *, best: bool) -> None:
        """Adds a line of scores, and puts the score into the line that is replaced."""
        text = self._summary.evaluation_text(step, metrics, selected, best=best)
        self._last = f"step {self._summary.short_text(*self._seen)}"
        self.say(text)

    def say(self, line: str) -> None:
        """Adds a line above the one that is replaced."""
        self._lines.append(line)
        self._show()

    def _show(self) -> None:
        self._handle.update({"text/plain": "\n".join([*self._lines, self._last])}, raw=True)


def is_notebook() -> bool:
    """Returns whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def choose(stream: TextIO | None = None) -> Progress:
    """Returns a bar where the stream is a terminal and rich is installed, a line in a notebook, plain lines elsewhere.

    Args:
      stream: where to write; None: standard output.
    """
    if stream is None and is_notebook():
        return Notebook()
    output: TextIO = stream or sys.stdout
    if not output.isatty():
        return Lines(output)
    try:
        return Bar(output)
    except ImportError:
        say("rich is not installed: progress is printed in plain lines")
        return Lines(output)
