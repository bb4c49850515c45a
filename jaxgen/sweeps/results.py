"""What a sweep has found: a table, two pictures, the best setting as a command, and TensorBoard's hparams."""

import csv
import fcntl
import io
import math
import os
import shlex
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from jaxgen.errors import UsageError
from jaxgen.io.text import write_atomically
from jaxgen.runs.disk.trackers import without_torch
from jaxgen.sweeps.trials import REASON, TICKET, Ledger, Plan, Trial, score

FEW = 2
"""Finished trials without which no picture tells anything."""


def ranked(trials: Sequence[FrozenTrial], plan: Plan) -> list[FrozenTrial]:
    """Returns the trials that came to their end, the best first, and then the others by ticket."""
    ended = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    ended.sort(
        key=lambda trial: (-score(trial) if plan.direction == "maximize" else score(trial), trial.user_attrs[TICKET])
    )
    return ended + [trial for trial in trials if trial.state != TrialState.COMPLETE]


def outcome(trial: FrozenTrial) -> str:
    """Returns the metric of a trial in words: mean ± standard deviation over its seeds, or why there is none."""
    values = trial.user_attrs.get("values", [])
    if trial.state == TrialState.FAIL:
        return f"failed: {trial.user_attrs.get(REASON, 'no reason known')}"
    if trial.state == TrialState.PRUNED:
        return f"given up at step {trial.user_attrs['steps']}: {values[0]:.6g}"
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.6g}{spread}"


def settings(trial: FrozenTrial, plan: Plan) -> list[str]:
    """Returns the value of every searched option of a trial, short numbers for a person."""
    values = [trial.params.get(field.option, "") for field in plan.space.fields]
    return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]


def table(trials: Sequence[FrozenTrial], plan: Plan) -> str:
    """Returns all settings as a Markdown table, the best first."""
    names = [field.option for field in plan.space.fields]
    seeds = f", mean ± sd of {plan.seeds} seeds" if plan.seeds > 1 else ""
    lines = [
        f"| trial | {plan.metric}{seeds} | {' | '.join(names)} |",
        "|" + "--|" * (2 + len(names)),
        *(
            f"| {trial.user_attrs[TICKET]} | {outcome(trial)} | {' | '.join(settings(trial, plan))} |"
            for trial in ranked(trials, plan)
        ),
    ]
    return "\n".join(lines) + "\n"


def as_csv(trials: Sequence[FrozenTrial], plan: Plan) -> str:
    """Returns all settings with every digit, a line each: trial, state, steps, the metric of each seed, the options."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.option for field in plan.space.fields]
    writer.writerow(["trial", "state", "steps", *(f"{plan.metric} seed {i}" for i in range(plan.seeds)), *names])
    for trial in ranked(trials, plan):
        values = trial.user_attrs.get("values", [])
        writer.writerow(
            [
                *(trial.user_attrs[TICKET], trial.state.name.lower(), trial.user_attrs.get("steps", "")),
                *values,
                *[""] * (plan.seeds - len(values)),
                *(trial.params.get(name, "") for name in names),
            ]
        )
    return text.getvalue()


def command(trial: FrozenTrial, plan: Plan, script: str, words: Sequence[str]) -> str:
    """Returns the command that trains a trial's setting."""
    return shlex.join(["jaxgen", "train", script, *words, *plan.space.flags(trial.params)])


def tell(trial: Trial, ledger: Ledger, count: int) -> str:
    """Returns a line on a trial that ended, beside the best one so far."""
    plan, finished = ledger.plan, ranked(ledger.finished(), ledger.plan)
    own = next((found for found in finished if found.user_attrs[TICKET] == trial.ticket), None)
    if own is None:
        return f"{len(finished)}/{count}: trial {trial.ticket} is not answered, and is tried again"
    options = [field.option for field in plan.space.fields]
    given = ", ".join(map(" ".join, zip(options, settings(own, plan), strict=True)))
    line = f"{len(finished)}/{count}: trial {trial.ticket}, {given}: {plan.metric} {outcome(own)}"
    best = finished[0]
    return line if math.isnan(score(best)) else f"{line}; best {outcome(best)} of trial {best.user_attrs[TICKET]}"


def write(folder: Path, ledger: Ledger, script: str, words: Sequence[str], say: Callable[[str], None]) -> None:
    """Writes results.md, results.csv, parallel.png, importance.png and tensorboard/ into a sweep's folder.

    Args:
      folder: of the sweep.
      ledger: its trials.
      script: the experiment, as it was given.
      words: the experiment's options.
      say: takes a line where a picture cannot be drawn.
    Raises:
      UsageError: if they cannot be written.
    """
    plan, trials = ledger.plan, ledger.finished()
    ended = [trial for trial in ranked(trials, plan) if trial.state == TrialState.COMPLETE]
    best = f"\nThe best setting:\n\n    {command(ended[0], plan, script, words)}\n" if ended else ""
    try:
        # All that share a sweep end together, and may share its folder.
        with (folder / ".results.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            write_atomically(folder / "results.md", table(trials, plan) + best)
            write_atomically(folder / "results.csv", as_csv(trials, plan))
            if len(ended) < FEW:
                say(f"no pictures: {len(ended)} of {len(trials)} trials came to their end, and they need {FEW}")
            else:
                draw(folder, ledger, say)
            write_hparams(folder / "tensorboard", ended, plan)
    except OSError as error:
        raise UsageError(f"cannot write in {folder} ({error}): free the disk or give another --dir") from error


def draw(folder: Path, ledger: Ledger, say: Callable[[str], None]) -> None:
    """Draws which settings led to which metric, and which of the options mattered."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as pictures

    options = [field.option for field in ledger.plan.space.fields]
    made = {
        "parallel.png": lambda: pictures.plot_parallel_coordinate(
            ledger.study, params=options, target_name=ledger.plan.metric
        ),
        "importance.png": lambda: pictures.plot_param_importances(ledger.study, target_name=ledger.plan.metric),
    }
    for name, make in made.items():
        try:
            figure = make().figure
        except (RuntimeError, ValueError) as error:
            # Optuna tells so where all trials have the same settings, or the same value.
            say(f"no {name}: {error}")
            continue
        figure.set_size_inches(6 + 2 * len(options), 5)
        figure.savefig(folder / name, dpi=110, bbox_inches="tight")
        pyplot.close(figure)


def write_hparams(folder: Path, trials: Sequence[FrozenTrial], plan: Plan) -> None:
    """Writes every trial's options and metric for TensorBoard's hparams page, once."""
    with without_torch():
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import hparams, scalar

    for trial in trials:
        own = folder / f"{trial.user_attrs[TICKET]:05d}"
        if own.exists() or not math.isfinite(score(trial)):
            continue
        # Written aside: one that was killed must not leave a folder that looks whole.
        unfinished = folder / f".{own.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        writer = EventsWriter(str(unfinished / "events"), filename_suffix=f".{os.getpid()}")
        for summary in (*hparams(dict(trial.params), {plan.metric: score(trial)}), scalar(plan.metric, score(trial))):
            writer.write_event(Event(step=trial.user_attrs["steps"], wall_time=time.time(), summary=summary))
        writer.close()
        unfinished.rename(own)
