"""A sweep from its command line to its results."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgen.config.base import CHANGEABLE
from jaxgen.errors import UsageError, unknown
from jaxgen.metrics.direction import Direction
from jaxgen.runs.disk.config_file import flatten, to_dict
from jaxgen.runs.disk.run_folder import lock
from jaxgen.runs.experiment_copy import Script, find_script
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import Build, Prepared, batch_shapes, describe_data, prepare
from jaxgen.sweeps import population, processes, results
from jaxgen.sweeps.options import Options, check
from jaxgen.sweeps.space import Space, make_space
from jaxgen.sweeps.storage import open_storage
from jaxgen.sweeps.trials import Ledger, Plan
from jaxgen.training import loop, progress
from jaxgen.training.stopping import Interrupted, Signals

TRIALS = 20


class SweepInterrupted(Interrupted):
    """A signal stopped a sweep."""

    def __init__(self, signum: int, folder: Path) -> None:
        super().__init__(signum, 0)
        self.args = (f"what was found is in {folder}/results.md; the same command goes on from there",)


def choose_executor(options: Options, space: Space) -> str:
    """Returns "population" where numbers of the state alone are searched, else "processes".

    Raises:
      UsageError: if a population is asked for and cannot hold what is searched, or an option is for the other way.
    """
    numeric = space.is_numeric()
    if options.executor == "population" and not numeric:
        other = next(field.option for field in space.fields if not field.option.startswith("hyper."))
        raise UsageError(f"{other} is no number of the state, which a population needs: give --executor processes")
    by_processes = options.executor == "processes" or not numeric or options.processes > 1
    if by_processes and (options.members or options.execution):
        raise UsageError("--members and --execution are for a population, and this sweep runs in processes: omit them")
    return "processes" if by_processes else "population"


def check_population(config: Any) -> None:
    """Raises UsageError for an option of the experiment that a population does not look at."""
    for name, is_set in (
        ("devices", config.devices > 1),
        ("deterministic", config.deterministic),
        ("wandb", config.wandb),
    ):
        if is_set:
            raise UsageError(f"a population does not look at {name}: leave it out, or give --executor processes")


def choose_metric(options: Options, prepared: Prepared) -> tuple[str, Direction]:
    """Returns the metric to optimize and its direction.

    Raises:
      UsageError: if the experiment does not write it, or not at the steps at which it is looked at.
    """
    objective, config, selection = prepared.objective, prepared.config, prepared.objective.selection
    trained = set(jax.eval_shape(objective.step, prepared.template, batch_shapes(prepared))[1])
    evaluated = {selection.metric} if config.evaluate_extractor else set()
    if not config.evaluate_extractor:
        evaluated = set(jax.eval_shape(objective.evaluate, prepared.template, prepared.kept))
    metric = options.metric or selection.metric
    written = trained | evaluated
    if metric not in written:
        if metric.endswith("fid") and objective.generative and not config.evaluate_extractor:
            raise UsageError(
                f"{metric} is not written without --evaluate-extractor, as in --evaluate-extractor auto: set it, or "
                f"give one of {', '.join(sorted(written))}"
            )
        raise unknown("metric", metric, written, max_listed=len(written))
    if metric in trained and (not config.log_every or rounds(config) % config.log_every):
        raise UsageError(f"{metric} is written every {config.log_every} steps: set --log-every {rounds(config)}")
    if options.direction:
        return metric, options.direction
    if metric != selection.metric:
        raise UsageError(f"direction of {metric} is unknown: set --direction minimize or --direction maximize")
    return metric, selection.direction


def rounds(config: Any) -> int:
    """Returns after how many steps each a run is looked at.

    Raises:
      UsageError: if the run does not end with one of these looks.
    """
    every = min(config.evaluate_every or config.steps, config.steps)
    if config.steps % every:
        raise UsageError(f"steps {config.steps} is no multiple of evaluate_every {every}: set one to fit the other")
    return every


def make_plan(options: Options, space: Space, script: Script, prepared: Prepared) -> Plan:
    """Returns what two parts of a sweep must agree on."""
    metric, direction = choose_metric(options, prepared)
    if options.pruner != "none" and rounds(space.config) == space.config.steps:
        raise UsageError(
            f"{options.pruner} gives up at evaluations, and there is none before step {space.config.steps}: set "
            "--evaluate-every"
        )
    fixed = {"run", "seed"} | {field.option for field in space.fields}
    kept = {"steps", "evaluate_images", "evaluate_extractor"}
    every = flatten(to_dict(space.config))
    settings = {name: value for name, value in every.items() if name not in (CHANGEABLE - kept) | (fixed - {"seed"})}
    return Plan(
        experiment=script.name,
        space=space,
        metric=metric,
        direction=direction,
        seeds=options.seeds,
        sampler=options.sampler,
        pruner=options.pruner,
        seed=options.sampler_seed,
        every=rounds(space.config),
        settings={f"config.{name}": value for name, value in settings.items()} | describe_data(prepared.dataset),
        script=script.sha256,
    )


class Sweep(NamedTuple):
    """A sweep whose command line was found to make sense.

    Attributes:
      script: the experiment's script.
      build: the experiment's.
      words: the experiment's own options.
      prepared: what its runs start from.
      plan: what two parts of the sweep must agree on.
      executor: "population" or "processes".
      count: settings that are tried in all.
      study: its name in the storage.
      folder: where its results go.
    """

    script: Script
    build: Build
    words: Sequence[str]
    prepared: Prepared
    plan: Plan
    executor: str
    count: int
    study: str
    folder: Path


def set_up(name: str, options: Options, words: Sequence[str]) -> Sweep:
    """Returns a sweep whose options were checked, before anything of it is written.

    Raises:
      UsageError: if something must be put right first.
    """
    module = load_script(name)
    space = make_space(options.search, module.Config, words, module.build)
    if space.config.distributed:
        raise UsageError("each run of a sweep is one process: leave --distributed out, and share trials by --storage")
    executor = choose_executor(options, space)
    if executor == "processes":
        # This process only looks at shapes, and must leave the accelerators to those that train.
        jax.config.update("jax_platforms", "cpu")
    intervals = {field.name: getattr(space.config, field.name) for field in dataclasses.fields(loop.Options)}
    loop.Options(**intervals).check(0)
    script, count = find_script(module.build), count_trials(options, space)
    study = options.study or script.name
    folder = Path(options.dir or Path("sweeps") / study)
    if executor == "population":
        check_population(space.config)
    prepared = prepare(space.config, module.build)
    plan = make_plan(options, space, script, prepared)
    return Sweep(script, module.build, words, prepared, plan, executor, count, study, folder)


@contextlib.contextmanager
def open_ledger(sweep: Sweep, options: Options, shared: Any, say: Callable[[str], None]) -> Iterator[Ledger]:
    """Returns a context with a sweep's trials, and makes its folder.

    Args:
      sweep: which.
      options: how.
      shared: the storage of `options`; None: a file in the folder.
      say: takes a warning, a line.
    Raises:
      UsageError: if another process has them, or they are another sweep's, or the folder cannot be written.
    """
    opened = partial(Ledger, sweep.plan, name=sweep.study, alone=not shared, heartbeat=options.heartbeat, say=say)
    with contextlib.ExitStack() as stack:
        if shared:
            ledger = stack.enter_context(opened(storage=shared))
            # Nothing is left behind by a sweep that was refused.
            make_folder(sweep.folder)
        else:
            make_folder(sweep.folder)
            stack.enter_context(hold(sweep.folder))
            own = open_storage(f"sqlite:///{sweep.folder.resolve() / 'study.db'}", options.heartbeat)
            ledger = stack.enter_context(opened(storage=own))
        yield ledger


def make_folder(folder: Path) -> None:
    """Makes a sweep's folder, or raises UsageError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write in {folder} ({error}): give another --dir") from error


def make_answerer(sweep: Sweep, ledger: Ledger, options: Options, say: Callable[[str], None]) -> Any:
    """Returns what trains the trials."""
    if sweep.executor == "processes":
        return processes.Answerer(
            ledger, str(sweep.script.path), sweep.words, sweep.folder, processes=options.processes, say=say
        )
    return population.Answerer(
        ledger,
        sweep.prepared,
        sweep.build,
        sweep.folder,
        members=min(options.members or population.MEMBERS, sweep.count * options.seeds),
        execution=options.execution,
        say=say,
    )


def run(name: str, options: Options, words: Sequence[str], say: Callable[[str], None] = progress.say) -> Path:
    """Runs a sweep, or goes on with it, and returns its folder.

    Args:
      name: an experiment script's path, or the name of one in ./experiments.
      options: how.
      words: the experiment's own options.
      say: takes the lines that tell a person what happens.
    Raises:
      UsageError: if something must be put right first.
      Interrupted: if SIGTERM or Ctrl-C stopped it.
    """
    times = [time.perf_counter()]
    check(options)
    # First of all: data and metrics may take minutes to prepare, and a database that is not there is told at once.
    shared = open_storage(options.storage, options.heartbeat) if options.storage else None
    sweep = set_up(name, options, words)
    with open_ledger(sweep, options, shared, say) as ledger, Signals() as signals:
        answerer = make_answerer(sweep, ledger, options, say)
        times.append(time.perf_counter())
        asked = ledger.seconds
        for trial in answerer.run(sweep.count, lambda: signals.received is not None):
            say(results.tell(trial, ledger, sweep.count))
        asked = ledger.seconds - asked
        times.append(time.perf_counter())
        results.write(sweep.folder, ledger, name, words, say)
        if signals.received is not None:
            raise SweepInterrupted(signals.received, sweep.folder)
        say(spent([*times, time.perf_counter()], asked, answerer))
    return sweep.folder


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Returns a context in which no other process sweeps in a folder."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock(folder / ".lock"))
        except UsageError as error:
            raise UsageError(
                f"another process sweeps in {folder}: wait for it, give another --dir, or share a --storage "
                "postgresql://…"
            ) from error
        yield


def count_trials(options: Options, space: Space) -> int:
    """Returns how many settings are tried.

    Raises:
      UsageError: if a grid has fewer.
    """
    if options.sampler != "grid":
        return options.trials or TRIALS
    points = len(space.points())
    if options.trials and options.trials > points:
        raise UsageError(f"{options.trials} trials were asked for and the grid has {points} points: give at most that")
    return options.trials or points


def spent(times: Sequence[float], asked: float, answerer: Any) -> str:
    """Returns a line on where the time went.

    Args:
      times: seconds of a clock at the sweep's begin, before its first trial, after the last one and at its end.
      asked: seconds of Optuna during the trials.
      answerer: what trained them.
    """
    starting, trials, writing = (after - before for before, after in itertools.pairwise(times))
    parts = {"Optuna": asked} | answerer.seconds()
    parts["jaxgen's own"] = trials - sum(parts.values())
    told = ", ".join(f"{name} {value:.2f} s" for name, value in parts.items())
    return (
        f"trials {trials:.1f} s by {answerer.describe()} ({told}), after {starting:.1f} s to start; "
        f"results written in {writing:.1f} s"
    )
