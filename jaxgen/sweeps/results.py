"""The results of a sweep: a table, two plots, the best trial as a command, and TensorBoard's hparams."""

import csv
import fcntl
import io
import math
import os
import shlex
import shutil
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from jaxgen.errors import UsageError
from jaxgen.io.text import open_no_link, remove_unfinished, write_atomically
from jaxgen.runs.disk.trackers import without_torch
from jaxgen.sweeps.definition import Definition
from jaxgen.sweeps.trials import INDEX, REASON, STEPS, VALUES, Trial, TrialQueue

MIN_PLOTTED_TRIALS = 2
"""Fewest complete trials that are plotted."""


def score(trial: FrozenTrial) -> float:
    """Returns the value of a complete trial, NaN for another."""
    return trial.value if trial.state == TrialState.COMPLETE and trial.value is not None else math.nan


def ranked(trials: Sequence[FrozenTrial], definition: Definition) -> list[FrozenTrial]:
    """Returns the complete trials, the best first, and then the others by index."""
    sign = -1 if definition.direction == "maximize" else 1
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: (sign * score(trial), trial.user_attrs[INDEX]))
    return complete + [trial for trial in trials if trial.state != TrialState.COMPLETE]


def describe_result(trial: FrozenTrial) -> str:
    """Returns the metric of a trial as mean ± standard deviation over its seeds, or why there is none."""
    values = trial.user_attrs.get(VALUES, [])
    if trial.state == TrialState.FAIL:
        return f"failed: {trial.user_attrs.get(REASON, 'unknown reason')}"
    if trial.state == TrialState.PRUNED:
        return f"pruned at step {trial.user_attrs[STEPS]}: {values[0]:.6g}"
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.6g}{deviation}"


def format_values(trial: FrozenTrial, definition: Definition) -> list[str]:
    """Returns the value of every searched option, rounded to four digits."""
    values = [trial.params.get(field.option, "") for field in definition.space.fields]
    return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]


def to_markdown(trials: Sequence[FrozenTrial], definition: Definition) -> str:
    """Returns the trials as a Markdown table, the best first."""
    names = [field.option for field in definition.space.fields]
    seeds = f", mean ± sd of {definition.options.seeds} seeds" if definition.options.seeds > 1 else ""
    rows = [
        ["trial", f"{definition.metric}{seeds}", *names],
        ["--"] * (2 + len(names)),
        *(
            [str(trial.user_attrs[INDEX]), describe_result(trial), *format_values(trial, definition)]
            for trial in ranked(trials, definition)
        ),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def to_csv(trials: Sequence[FrozenTrial], definition: Definition) -> str:
    """Returns the trials as CSV at full precision: index, state, steps, the metric of each seed, the options."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.option for field in definition.space.fields]
    seeds = [f"{definition.metric} seed {i}" for i in range(definition.options.seeds)]
    writer.writerow(["trial", "state", "steps", *seeds, *names])
    for trial in ranked(trials, definition):
        values = trial.user_attrs.get(VALUES, [])
        head = [trial.user_attrs[INDEX], trial.state.name.lower(), trial.user_attrs.get(STEPS, "")]
        padding = [""] * (definition.options.seeds - len(values))
        writer.writerow([*head, *values, *padding, *(trial.params.get(name, "") for name in names)])
    return text.getvalue()


def describe_progress(trial: Trial, queue: TrialQueue, count: int) -> str:
    """Returns a line on a trial that has ended, and on the best one so far."""
    definition = queue.definition
    finished = ranked(queue.finished(), definition)
    progress = f"{len(finished)}/{count}: trial {trial.index}"
    own = next((other for other in finished if other.user_attrs[INDEX] == trial.index), None)
    if own is None:
        return f"{progress} was interrupted, and is run again"
    options = [field.option for field in definition.space.fields]
    values = ", ".join(map(" ".join, zip(options, format_values(own, definition), strict=True)))
    line = f"{progress}, {values}: {definition.metric} {describe_result(own)}"
    best = finished[0]
    if math.isnan(score(best)):
        return line
    return f"{line}; best {describe_result(best)} of trial {best.user_attrs[INDEX]}"


def write(folder: Path, queue: TrialQueue, script: str, arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """Writes results.md, results.csv, parallel.png, importance.png and tensorboard/ into a sweep's folder.

    Args:
      folder: of the sweep.
      queue: its trials.
      script: name or path of the experiment.
      arguments: the experiment's options.
      say: prints a line if a plot cannot be drawn.
    Raises:
      UsageError: if the files cannot be written.
    """
    definition, trials = queue.definition, queue.finished()
    complete = [trial for trial in ranked(trials, definition) if trial.state == TrialState.COMPLETE]
    best = ""
    if complete:
        words = ["jaxgen", "train", script, *arguments, *definition.space.arguments(complete[0].params)]
        best = f"\nBest trial:\n\n    {shlex.join(words)}\n"
    try:
        # All workers of a sweep end at the same time, and may share its folder.
        with open_no_link(folder / ".results.lock", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            remove_unfinished(folder)
            write_atomically(folder / "results.md", to_markdown(trials, definition) + best)
            write_atomically(folder / "results.csv", to_csv(trials, definition))
            if len(complete) < MIN_PLOTTED_TRIALS:
                say(f"no plots: {len(complete)} trials are complete, and {MIN_PLOTTED_TRIALS} are needed")
            else:
                draw_plots(folder, queue, say)
            write_hparams(folder / "tensorboard", complete, definition)
    except OSError as error:
        raise UsageError(f"cannot write in {folder} ({error}): free the disk, or set another --dir") from error


def draw_plots(folder: Path, queue: TrialQueue, say: Callable[[str], None]) -> None:
    """Writes parallel coordinates as parallel.png and the importance of each option as importance.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as visualization

    options, metric = [field.option for field in queue.definition.space.fields], queue.definition.metric
    plots = {
        "parallel.png": lambda: visualization.plot_parallel_coordinate(queue.study, params=options, target_name=metric),
        "importance.png": lambda: visualization.plot_param_importances(queue.study, target_name=metric),
    }
    for name, plot in plots.items():
        try:
            with warnings.catch_warnings():
                # With few trials: that some have the same values, or that all options are as important.
                warnings.simplefilter("ignore", UserWarning)
                plot()
        except (RuntimeError, ValueError) as error:
            # Optuna raises where all trials have the same values, or the same metric.
            say(f"no {name}: {error}")
            continue
        figure = pyplot.gcf()
        figure.set_size_inches(6 + 2 * len(options), 5)
        content = io.BytesIO()
        figure.savefig(content, dpi=110, bbox_inches="tight", format="png")
        write_atomically(folder / name, content.getvalue())
        pyplot.close(figure)


def write_hparams(folder: Path, trials: Sequence[FrozenTrial], definition: Definition) -> None:
    """Writes the options and the metric of each trial for TensorBoard's hparams page, unless they are there already."""
    with without_torch():
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue] -- generated by protobuf
        from tensorboardX.summary import hparams, scalar

    metric = definition.metric
    for trial in trials:
        path = folder / f"{trial.user_attrs[INDEX]:05d}"
        if path.exists() or not math.isfinite(score(trial)):
            continue
        # Renamed when complete, so that an interrupted write leaves no folder that looks complete.
        unfinished = folder / f".{path.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        writer = EventsWriter(str(unfinished / "events"), filename_suffix=f".{os.getpid()}")
        for summary in (*hparams(dict(trial.params), {metric: score(trial)}), scalar(metric, score(trial))):
            writer.write_event(Event(step=trial.user_attrs[STEPS], wall_time=time.time(), summary=summary))
        writer.close()
        unfinished.rename(path)
