"""Display of a training's progress: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Protocol, TextIO

SHOWN_METRICS = 6
WINDOW_SECONDS = 30.0


def say(line: str) -> None:
    """Prints one line on standard error."""
    print(line, file=sys.stderr, flush=True)


class Progress(Protocol):
    """Displays the progress of a run."""

    def running(self, start: int, steps: int, images_per_step: int) -> AbstractContextManager[None]:
        """Returns a context that lasts from step `start` to step `steps`."""
        ...

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Displays a step and its metrics."""

    def say(self, line: str) -> None:
        """Prints one line without disturbing the display."""


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
    """One line about a run: steps, steps/s, images/s, remaining time and the last metrics."""

    def __init__(self, steps: int, images_per_step: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.steps, self.images_per_step = steps, images_per_step
        self._rate = Rate(clock)

    def text(self, step: int, metrics: Mapping[str, float]) -> str:
        """Returns the line; rates are left out at the first call."""
        parts = [f"step {step}/{self.steps}"]
        if rate := self._rate.update(step):
            left = timedelta(seconds=round((self.steps - step) / rate))
            parts += [f"{rate:.3g} steps/s", f"{rate * self.images_per_step:.0f} images/s", f"{left} left"]
        losses_first = sorted(metrics.items(), key=lambda item: not item[0].endswith("/loss"))
        shown = losses_first[:SHOWN_METRICS]
        names = shorten([name for name, _ in shown])
        parts += [f"{name} {value:.3g}" for name, (_, value) in zip(names, shown, strict=True)]
        return "  ".join(parts)


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

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Prints a line if the last one is old enough or the run is over."""
        text, now = self._summary.text(step, metrics), self.clock()
        if now - self._printed >= self.seconds or step == self._summary.steps:
            self._printed = now
            self.say(text)

    def say(self, line: str) -> None:
        """Prints one line."""
        print(line, file=self.stream, flush=True)


class Bar:
    """A bar that stays in its place at the bottom of a terminal. Needs rich."""

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
        with Progress(BarColumn(bar_width=20), text, console=self._console) as self._bar:
            label = f"step {start}/{steps}  compiling" if start < steps else f"step {start}/{steps}"
            self._task = self._bar.add_task("", total=steps, completed=start, text=label)
            yield

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Moves the bar."""
        self._bar.update(self._task, completed=step, text=self._summary.text(step, metrics))

    def say(self, line: str) -> None:
        """Prints one line above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def choose(stream: TextIO | None = None) -> Progress:
    """Returns a bar where the stream is a terminal and rich is installed, plain lines elsewhere.

    Args:
      stream: where to write; None: standard output.
    """
    output: TextIO = stream or sys.stdout
    if not output.isatty():
        return Lines(output)
    try:
        return Bar(output)
    except ImportError:
        say("rich is not installed: progress is printed in plain lines")
        return Lines(output)
