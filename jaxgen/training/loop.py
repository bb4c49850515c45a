"""The training loop: steps and intervals, for any objective.

The host never waits for the device between two dispatches: the metrics of one are fetched after the next was issued.
It waits only where a checkpoint, an evaluation or images are due, as the next dispatch takes the state's memory.

What is logged at step s are the metrics of the update that led to step s, not their mean over the interval, which a run
resumed within the interval could not know. A checkpoint holds these, and the evaluation's metrics only if the
evaluation is of that very step: otherwise the best checkpoint would not be the one that was measured.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.training.alarms import Watch
from jaxgen.training.progress import Progress, choose, reminding
from jaxgen.training.state import Alarm, Selection, TrainState
from jaxgen.training.step_metrics import StepMetrics, first_non_finite
from jaxgen.training.stopping import End, Interrupted, NonFiniteError, Signals


class MetricsWriter(Protocol):
    """Writes metrics and sample images; `runs.disk.run_folder.RunFolder` writes them to a folder."""

    def truncate(self, step: int) -> None:
        """Drops what was written after a step."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Writes the metrics of a step."""

    def save_images(self, step: int, groups: Mapping[str, np.ndarray]) -> None:
        """Writes images by name, float[n, h, w, c] in [0, 1]."""


class CheckpointWriter(Protocol):
    """Saves states; `runs.disk.checkpoints.Checkpoints` saves them with Orbax."""

    def steps(self) -> Sequence[int]:
        """Returns the steps of the checkpoints there are."""
        ...

    def save(self, step: int, state: TrainState, metrics: Mapping[str, float], config: dict[str, Any]) -> None:
        """Begins to save a state."""

    def wait(self) -> None:
        """Returns once every state is saved."""

    def last_good(self) -> int | None:
        """Returns the step of the newest checkpoint whose state is finite, or None."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Number of steps and intervals. An interval of 0 leaves only the end of the run.

    Attributes:
      steps: training steps in all.
      checkpoint_every: steps between checkpoints.
      checkpoint_minutes: minutes after which a checkpoint is written whatever the step; 0: never.
      log_every: steps between lines of metrics; 0: none, at the end neither.
      sample_every: steps between sample images.
      evaluate_every: steps between evaluations.
      steps_per_dispatch: steps of one call to the accelerator, of which all the others are multiples.
    """

    steps: int
    checkpoint_every: int = 0
    checkpoint_minutes: float = 0.0
    log_every: int = 0
    sample_every: int = 0
    evaluate_every: int = 0
    steps_per_dispatch: int = 1

    def check(self, start: int) -> None:
        """Raises UsageError unless `start`, `steps` and every interval are multiples of `steps_per_dispatch`."""
        names = ("steps", "checkpoint_every", "log_every", "sample_every", "evaluate_every")
        counts = {name: getattr(self, name) for name in names} | {"the step to go on from": start}
        for name, count in counts.items():
            if count < 0:
                raise UsageError(f"{name} is {count}: it must be at least 0")
        size, largest = self.steps_per_dispatch, math.gcd(*counts.values())
        for name, count in counts.items():
            if size < 1 or count % size:
                raise UsageError(
                    f"steps_per_dispatch is {size}, and {name} is {count}, which is no multiple of it: "
                    f"set steps_per_dispatch to a divisor of {largest}, or the intervals to multiples of it"
                )


class Evaluation:
    """Logs and displays evaluations, and which was the best."""

    def __init__(
        self, folder: MetricsWriter, progress: Progress, selection: Selection | None, best: Mapping[str, Any] | None
    ) -> None:
        """Takes the writer and the display, and the metrics of the best earlier evaluation, if any."""
        self.folder, self.progress, self.selection, self.best = folder, progress, selection, best

    def measure(
        self, evaluate: Callable[[TrainState], Mapping[str, Any]], step: int, state: TrainState
    ) -> dict[str, float]:
        """Returns the metrics of a state, after they are logged and displayed."""
        measured = {name: float(value) for name, value in jax.device_get(evaluate(state)).items()}
        self.folder.log(step, measured)
        if self.selection:
            self.best = self.selection.best([*([self.best] if self.best else []), measured])
            self.progress.evaluated(step, measured, self.selection.metric, best=self.best is measured)
        return measured


class Saving:
    """Saves states, and remembers which was the last and when that was."""

    def __init__(self, checkpoints: CheckpointWriter, config: dict[str, Any], start: int, interval: float) -> None:
        """Takes the writer and the configuration, the first step, and the seconds between checkpoints; 0: any."""
        self.checkpoints, self.config, self.start, self.interval = checkpoints, config, start, interval
        self.step, self.time = start if start in checkpoints.steps() else None, time.monotonic()

    def is_late(self) -> bool:
        """Returns whether the last state was saved too long ago."""
        return 0 < self.interval <= time.monotonic() - self.time

    def save(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
        """Begins to save a state."""
        self.checkpoints.save(step, state, metrics, self.config)
        self.step, self.time = step, time.monotonic()

    def finish(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
        """Saves a state unless it is saved already, and returns once that is done."""
        if self.step != step:
            self.save(step, state, metrics)
        self.checkpoints.wait()

    @contextlib.contextmanager
    def before_failure(
        self, step: int, state: TrainState, metrics: Callable[[], Mapping[str, float]]
    ) -> Iterator[None]:
        """A context of a step that saves the state before it where the step's images cannot be read.

        Several processes save together, which they cannot while one of them fails.
        """
        try:
            yield
        except UsageError as error:
            if step == self.start or jax.process_count() > 1:
                raise
            self.finish(step, state, metrics())
            raise UsageError(f"{error}; the run is saved at step {step}") from error


def train(
    advance: Callable[[TrainState, int], tuple[TrainState, StepMetrics]],
    state: TrainState,
    *,
    start: int,
    options: Options,
    folder: MetricsWriter,
    checkpoints: CheckpointWriter,
    config: dict[str, Any],
    images_per_step: int,
    evaluate: Callable[[TrainState], Mapping[str, Any]] | None = None,
    visualize: Callable[[TrainState], dict[str, Array]] | None = None,
    selection: Selection | None = None,
    best: Mapping[str, Any] | None = None,
    alarms: Sequence[Alarm] = (),
    finished: str = "",
    progress: Progress | None = None,
    agree: Callable[..., tuple[int, ...]] = lambda *values: values,
) -> TrainState:
    """Trains until `options.steps`, or until a metric says that the run is finished, and returns the last state.

    Args:
      advance: (state, step) -> (state, metrics of `steps_per_dispatch` steps), compiled; may donate the state.
      state: the state after `start` steps.
      start: steps already taken. The run folder's entries of later steps are dropped.
      options: the number of steps, and the intervals of logs, images, evaluations and checkpoints.
      folder: writes metrics and images.
      checkpoints: saves states.
      config: the run's configuration, which is saved in each checkpoint.
      images_per_step: how many images one step takes, for the rate that is displayed.
      evaluate: state -> metrics. A value that is not finite does not stop the run.
      visualize: state -> images by name, float[n, h, w, c] in [0, 1].
      selection: the metric of an evaluation that selects the best checkpoint, for display.
      best: the best metrics of earlier evaluations, for display.
      alarms: bounds of logged metrics, outside of which a warning is printed.
      finished: name of the metric that ends the training once it is 1, one dispatch later; empty: none does.
      progress: displays the progress; None: a bar on a terminal, else lines.
      agree: see `execute.Program`; by default of this process alone.
    Raises:
      NonFiniteError: if a metric or the state became NaN or infinite.
      Interrupted: if SIGTERM, SIGHUP or Ctrl-C came; the state was saved.
      UsageError: if something cannot be written, an interval is no multiple of `steps_per_dispatch`, or the images of
        a step cannot be read; the state before it was saved, in one process.
    """
    options.check(start)
    folder.truncate(start)
    progress = progress or choose()
    watch, evaluation = Watch(alarms, progress.say), Evaluation(folder, progress, selection, best)
    end = End(options.steps, options.steps_per_dispatch, finished, progress.say)
    is_due = lambda interval: step == end.step or (interval > 0 and step % interval == 0)

    def read(step: int, metrics: StepMetrics) -> dict[str, float]:
        values = metrics.fetch()
        if not jax.device_get(metrics.finite) and (bad := first_non_finite(values)):
            raise NonFiniteError(step - options.steps_per_dispatch + 1 + bad[0], bad[1], checkpoints.last_good())
        last = {name: float(value[-1]) for name, value in values.items()}
        if options.log_every and step % options.log_every == 0:
            folder.log(step, last)
            watch.update(step, last)
        compiled()
        progress.update(step, watch.foremost(last))
        end.update(step, last)
        return last

    metrics_now = lambda: latest if unread is None else read(step, unread)
    step, unread, latest = start, None, {}
    saving = Saving(checkpoints, config, start, 60 * options.checkpoint_minutes)
    with (
        Signals(agree) as signals,
        progress.running(start, options.steps, images_per_step),
        reminding("compiling", progress.say) as compiled,
    ):
        while step < end.step and not signals.should_stop(saving.is_late()):
            with saving.before_failure(step, state, metrics_now):
                state, metrics = advance(state, step)
            if unread is not None:
                read(step, unread)
            step, unread, latest = step + options.steps_per_dispatch, metrics, {}
            due_evaluation = evaluate if is_due(options.evaluate_every) else None
            due_images = visualize if is_due(options.sample_every) else None
            due_checkpoint = is_due(options.checkpoint_every) or signals.late
            if due_evaluation or due_images or due_checkpoint:
                latest, unread = read(step, unread), None
            if due_evaluation:
                latest |= evaluation.measure(due_evaluation, step, state)
            if due_images:
                images = jax.device_get(due_images(state))
                if bad := first_non_finite(images):
                    raise NonFiniteError(step, bad[1], checkpoints.last_good())
                folder.save_images(step, images)
            if due_checkpoint:
                saving.save(step, state, latest)
        if unread is not None:
            latest = read(step, unread)
        saving.finish(step, state, latest)
    if signals.stop and step < end.step:
        raise Interrupted(signals.stop, step)
    return state
