"""A sweep from its options to its results."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgen.errors import UsageError
from jaxgen.runs.disk.run_folder import lock
from jaxgen.runs.experiment_copy import Script, find_script
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import Build, Prepared, prepare
from jaxgen.sweeps import results
from jaxgen.sweeps.definition import Definition, evaluation_interval, make_definition
from jaxgen.sweeps.executor import Executor
from jaxgen.sweeps.options import Options, check
from jaxgen.sweeps.population_executor import MEMBERS, PopulationExecutor
from jaxgen.sweeps.processes import ProcessExecutor
from jaxgen.sweeps.space import Space, make_space
from jaxgen.sweeps.storage import find_url, open_storage, quiet_optuna
from jaxgen.sweeps.trials import TrialQueue
from jaxgen.training import loop, progress
from jaxgen.training.stopping import Interrupted, Signals

TRIALS = 20
"""Default number of trials, of another sampler than a grid."""
BUSY = "another process runs a sweep in {}: wait for it, set another --dir, or share a --storage postgresql://…"
Print = Callable[[str], None]


class SweepInterrupted(Interrupted):
    """A signal has stopped a sweep."""

    def __init__(self, signum: int, folder: Path) -> None:
        super().__init__(signum, 0)
        self.args = (f"the results so far are in {folder}/results.md; the same command continues the sweep",)


STATUS_SECONDS = 30.0
"""Seconds between two lines on how many trials have ended."""


class Sweep(NamedTuple):
    """A sweep whose options are checked.

    Attributes:
      script: the experiment's script.
      build: the experiment's function of that name.
      arguments: the experiment's options.
      prepared: the experiment's objective and data.
      definition: what the workers of a study must agree on.
      executor: "population" or "processes".
      trials: number of trials.
      study: name of the study in the storage.
      folder: of the results.
    """

    script: Script
    build: Build
    arguments: Sequence[str]
    prepared: Prepared
    definition: Definition
    executor: str
    trials: int
    study: str
    folder: Path


def run(name: str, options: Options, arguments: Sequence[str], say: Print = progress.say) -> Path:
    """Runs or continues a sweep, and returns its folder.

    Args:
      name: path of an experiment's script, or the name of an experiment.
      options: of the sweep.
      arguments: the experiment's options.
      say: prints a line on the progress.
    Raises:
      UsageError: if an option, the experiment or the storage does not allow the sweep.
      Interrupted: if SIGTERM, SIGHUP or Ctrl-C has stopped it.
    """
    times = [time.perf_counter()]
    check(options)
    with quiet_optuna():
        # The storage comes first: data and metrics may take minutes to prepare.
        url = find_url(options.storage, say)
        storage = open_storage(url, options.heartbeat) if url else None
        sweep = prepare_sweep(name, options, arguments)
        with open_queue(sweep, options, storage, say) as queue, Signals() as signals:
            executor = make_executor(sweep, queue, options, say)
            times.append(time.perf_counter())
            optuna_seconds = queue.seconds
            done = 0
            with progress.reminding(lambda: f"sweep: {done} of {sweep.trials} trials ended here", say, STATUS_SECONDS):
                for trial in executor.run(sweep.trials, lambda: signals.received is not None):
                    done += 1
                    say(results.describe_progress(trial, queue, sweep.trials))
            optuna_seconds = queue.seconds - optuna_seconds
            times.append(time.perf_counter())
            results.write(sweep.folder, queue, name, arguments, say)
            if signals.received is not None:
                raise SweepInterrupted(signals.received, sweep.folder)
            say(describe_times([*times, time.perf_counter()], optuna_seconds, executor))
    return sweep.folder


def prepare_sweep(name: str, options: Options, arguments: Sequence[str]) -> Sweep:
    """Checks the options of a sweep and loads its data, before anything is written.

    Raises:
      UsageError: if an option or the experiment does not allow the sweep.
    """
    module = load_script(name)
    space = make_space(options.search, module.Config, arguments, module.build)
    if space.config.distributed:
        raise UsageError("each run of a sweep is one process: omit --distributed, and share the trials by --storage")
    executor = choose_executor(options, space)
    if executor == "processes":
        # This process only evaluates shapes, and must leave the accelerators to the processes that train.
        jax.config.update("jax_platforms", "cpu")
    else:
        check_population(space.config)
    intervals = {field.name: getattr(space.config, field.name) for field in dataclasses.fields(loop.Options)}
    loop.Options(**intervals).check(0)
    evaluation_interval(space.config)
    script, trials = find_script(module.build), count_trials(options, space)
    study = options.study or script.name
    folder = Path(options.dir or Path("sweeps") / study)
    prepared = prepare(space.config, module.build, path=folder)
    definition = make_definition(options, space, script, prepared)
    return Sweep(script, module.build, arguments, prepared, definition, executor, trials, study, folder)


def choose_executor(options: Options, space: Space) -> str:
    """Returns "population" if only hyperparameters of the state are searched, otherwise "processes".

    Raises:
      UsageError: if a population cannot search an option, or an option is for the other executor.
    """
    in_state = space.is_in_state()
    if options.executor == "population" and not in_state:
        other = next(field.option for field in space.fields if not field.option.startswith("hyper."))
        raise UsageError(f"a population searches options under hyper. only, and not {other}: set --executor processes")
    if options.executor != "processes" and in_state and options.processes == 1:
        return "population"
    if options.members or options.execution:
        raise UsageError("--members and --execution are for a population, and this sweep runs in processes: omit them")
    return "processes"


def check_population(config: Any) -> None:
    """Raises UsageError for an option of the experiment that has no effect in a population."""
    without_effect = {"devices": config.devices > 1, "deterministic": config.deterministic, "wandb": config.wandb}
    for name, is_set in without_effect.items():
        if is_set:
            raise UsageError(f"--{name} has no effect in a population: omit it, or set --executor processes")


def count_trials(options: Options, space: Space) -> int:
    """Returns the number of trials.

    Raises:
      UsageError: if a grid has fewer points.
    """
    if options.sampler != "grid":
        return options.trials or TRIALS
    points = len(space.points())
    if options.trials and options.trials > points:
        raise UsageError(f"--trials {options.trials} of a grid of {points} points: give at most {points}")
    return options.trials or points


@contextlib.contextmanager
def open_queue(sweep: Sweep, options: Options, storage: Any, say: Print) -> Iterator[TrialQueue]:
    """Returns a context with the trials of a sweep, and creates its folder.

    Args:
      sweep: the sweep.
      options: its options.
      storage: that several workers share; None: a file in the folder.
      say: prints a warning.
    Raises:
      UsageError: if the study is another sweep's, another process uses the folder, or it cannot be written.
    """
    make_queue = partial(
        TrialQueue,
        sweep.definition,
        name=sweep.study,
        exclusive=storage is None,
        heartbeat=options.heartbeat,
        say=say,
    )
    if storage is not None:
        with make_queue(storage=storage) as queue:
            # Created last: a refused sweep leaves no folder.
            create_folder(sweep.folder)
            yield queue
        return
    create_folder(sweep.folder)
    with lock(sweep.folder / ".lock", BUSY):
        storage = open_storage(f"sqlite:///{sweep.folder.resolve() / 'study.db'}", options.heartbeat)
        with make_queue(storage=storage) as queue:
            yield queue


def create_folder(folder: Path) -> None:
    """Creates a sweep's folder, or raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write in {folder} ({error}): set another --dir") from error


def make_executor(sweep: Sweep, queue: TrialQueue, options: Options, say: Print) -> Executor:
    """Returns the executor of a sweep."""
    if sweep.executor == "processes":
        return ProcessExecutor(
            queue,
            sweep.folder,
            say,
            script=str(sweep.script.path),
            arguments=sweep.arguments,
            processes=options.processes,
        )
    return PopulationExecutor(
        queue,
        sweep.folder,
        say,
        prepared=sweep.prepared,
        build=sweep.build,
        members=min(options.members or MEMBERS, sweep.trials * options.seeds),
        execution=options.execution,
    )


def describe_times(times: Sequence[float], optuna_seconds: float, executor: Executor) -> str:
    """Returns a line on where the time went.

    Args:
      times: clock at the start, before the first trial, after the last trial and at the end, in seconds.
      optuna_seconds: time that Optuna took during the trials.
      executor: that ran them.
    """
    start, train, write = (after - before for before, after in itertools.pairwise(times))
    parts = {"Optuna": optuna_seconds} | executor.seconds
    parts["other"] = train - sum(parts.values())
    seconds = ", ".join(f"{name} {value:.2f} s" for name, value in parts.items())
    return f"{start:.1f} s to start; trials {train:.1f} s by {executor.describe()} ({seconds}); results {write:.1f} s"
