"""The options of a sweep."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from jaxgen.errors import UsageError, unknown
from jaxgen.fields import NonNegativeInt, PositiveInt, require_in_range
from jaxgen.metrics.metric import Direction
from jaxgen.sweeps.sampler import PRUNERS, SAMPLERS, Pruner, Sampler
from jaxgen.training import execute

Executor = Literal["auto", "population", "processes"]
if TYPE_CHECKING:
    MemberExecution = str
else:
    MemberExecution = Literal[*execute.MEMBER_EXECUTIONS]


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of a sweep, apart from those of its experiment."""

    search: tuple[str, ...] = ()
    """Options to search with their values: FIELD=log:LOW:HIGH, uniform:LOW:HIGH, int:LOW:HIGH:STEP or choice:A,B,C, as
    in hyper.learning-rate=log:1e-5:1e-3 hyper.b1=uniform:0:0.9 width=int:8:32:8 hyper.penalty-weight=choice:1,5,10."""
    trials: PositiveInt | None = None
    """Number of trials; None: every point of a grid, otherwise 20."""
    metric: str | None = None
    """Metric to optimize; None: the metric that selects the best checkpoint of the experiment."""
    direction: Direction | None = None
    """Direction of optimization; None: that of the metric."""
    seeds: PositiveInt = 1
    """Runs of each trial with different seeds. The mean of their metrics is optimized."""
    sampler: Sampler = "tpe"
    """Optuna sampler that proposes the values."""
    pruner: Pruner = "none"
    """Optuna pruner that stops bad trials at an evaluation."""
    sampler_seed: NonNegativeInt = 0
    """Seed of the sampler."""
    executor: Executor = "auto"
    """How trials run: population trains many in one program and searches options under hyper. only; processes train one
    trial each and search any option; auto takes a population where it can."""
    members: PositiveInt | None = None
    """Runs that a population trains at the same time; None: up to 8."""
    execution: MemberExecution | None = None
    """How a population runs its members; None: the fastest."""
    processes: PositiveInt = 1
    """Processes at the same time. Each has a GPU or an equal part of the CPU cores."""
    storage: str | None = None
    """Database that machines share, as in postgresql://USER@HOST/DATABASE; None: that of the environment variable
    JAXGEN_STORAGE, where a password belongs, otherwise a file in --dir."""
    study: str | None = None
    """Name of the study in the storage; None: the name of the experiment."""
    dir: Path | None = None
    """Folder of the results; None: sweeps/STUDY."""
    heartbeat: PositiveInt = 60
    """Seconds between two heartbeats of a worker. Its trials are run again once it is silent for twice as long."""


def check(options: Options) -> None:
    """Checks the options that need no experiment.

    Raises:
      UsageError: if a value is not allowed, or an option has no effect beside another one.
    """
    allowed = {
        "sampler": SAMPLERS,
        "pruner": PRUNERS,
        "executor": get_args(Executor),
        "direction": (None, *get_args(Direction)),
        "execution": (None, *execute.MEMBER_EXECUTIONS),
    }
    for name, values in allowed.items():
        if getattr(options, name) not in values:
            raise unknown(name, getattr(options, name), [value for value in values if value])
    require_in_range(options)
    if options.study is not None and (options.study in {"", "..", "."} or Path(options.study).name != options.study):
        raise UsageError(f"--study {options.study}: give a name without folders; --dir is the folder of the results")
    if options.executor == "processes" and (options.members or options.execution):
        raise UsageError("--members and --execution are for a population: omit them, or set --executor population")
    if options.executor == "population" and options.processes > 1:
        raise UsageError("a population is one process: omit --processes, or set --executor processes")
