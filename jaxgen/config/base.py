"""What an experiment can be told, as frozen dataclasses whose field docstrings are the help."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import jax.numpy as jnp

from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.training.optimizers import OPTIMIZERS
from jaxgen.training.schedules import SHAPES, make_learning_rate

if TYPE_CHECKING:
    Optimizer = str
    Shape = str
else:
    Optimizer = Literal[tuple(OPTIMIZERS)]
    Shape = Literal[tuple(SHAPES)]

Parallel = Literal["shard_map", "pmap"]


class Effect(NamedTuple):
    """Options that only some configurations look at.

    Attributes:
      options: their dotted names.
      needs: what to do that something looks at them.
      counts: whether a configuration looks at them.
    """

    options: tuple[str, ...]
    needs: str
    counts: Callable[[Any], bool]


def optimizer_effects() -> tuple[Effect, ...]:
    """Returns which hyperparameters have an effect with which optimizers."""
    used = lambda config: {config.optimizer, getattr(config, "discriminator_optimizer", config.optimizer)} - {"same"}
    effects = []
    for name in dict.fromkeys(name for optimizer in OPTIMIZERS.values() for name in optimizer.hyper):
        readers = {key for key, optimizer in OPTIMIZERS.items() if name in optimizer.hyper}
        needs = f"set optimizer to {', '.join(sorted(readers))}"
        effects.append(Effect((f"hyper.{name}",), needs, lambda config, readers=readers: bool(used(config) & readers)))
    return tuple(effects)


@dataclasses.dataclass(frozen=True)
class Hyper:
    """Numbers of a recipe: they live in the state, may be swept, and never cause a recompilation."""

    learning_rate: float = 1e-3
    """Learning rate, before schedule and warm-up."""
    learning_rate_final: float = 0.0
    """Learning rate at the end of the schedule."""
    schedule_steps: float = 0.0
    """Steps that the schedule takes; it stays at its end from then on."""
    warmup_steps: float = 0.0
    """Steps over which the learning rate grows linearly from 0."""
    b1: float = 0.9
    """Decay of the gradient's mean (Adam's β₁, momentum of sgd)."""
    b2: float = 0.999
    """Decay of the squared gradient's mean (Adam's β₂, RMSProp's decay)."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    clip_norm: float = 0.0
    """Largest global norm of a gradient; 0: not clipped."""
    ema_decay: float = 0.999
    """Decay of the parameters' moving average for each step, with which pictures are made."""


@dataclasses.dataclass(frozen=True)
class Config:
    """What every experiment can be told."""

    steps: int = 10_000
    """Training steps in all; a run that is resumed goes on to this number."""
    batch_size: int = 64
    """Images that one gradient sees, over all devices."""
    seed: int = 0
    """Seed of the initial parameters and of all noise."""
    run: str = ""
    """Run folder; empty: runs/NAME. A folder that holds a run is resumed."""
    init_from: str = ""
    """Initial weights: a run folder, a shipped network or a .safetensors file; empty: random. Arrays that do not fit
    stay random, and a line lists them."""
    init_players: tuple[str, ...] = ("all",)
    """Networks that init_from initializes: all, main (the one that makes images), or names, as in generator
    discriminator."""
    trust: bool = False
    """Execute the script in the run folder of init_from or data.from_run although no installed experiment has the same
    SHA-256."""
    checkpoint_every: int = 1000
    """Steps between checkpoints."""
    checkpoint_minutes: float = 0.0
    """Minutes after which a checkpoint is written whatever the step; 0: off."""
    keep_checkpoints: int = 2
    """How many of the newest checkpoints stay, beside the best one."""
    log_every: int = 100
    """Steps between lines of metrics."""
    sample_every: int = 1000
    """Steps between pictures; 0: only at the end."""
    evaluate_every: int = 1000
    """Steps between evaluations; 0: only at the end."""
    evaluate_images: int = 256
    """Images in an evaluation: held-out ones; training images where a run only generates, so that its best checkpoint
    is chosen by others than it is reported on."""
    evaluate_extractor: str = ""
    """Score generated images by an extractor, as in auto or mnist (see jaxgen evaluate); empty: by the recipe's own."""
    steps_per_dispatch: int = 1
    """Steps that one call to the accelerator runs; every interval must be a multiple of it."""
    microbatches: int = 1
    """Parts of a batch differentiated one after the other, to save memory; batch norm's statistics are of one part."""
    devices: int = 0
    """Devices over which a batch is spread, of all processes together; 0: every accelerator, or one CPU device of each
    process. A CPU simulates any number."""
    parallel: Parallel = "shard_map"
    """How a batch is spread over devices: jit of shard_map over a mesh, or pmap (of one process), which computes the
    same and which JAX keeps in maintenance mode."""
    distributed: bool = False
    """Train together with other processes, on any number of hosts, that are started with the same options; the run
    folder must lie where all of them see it. Slurm, Kubernetes, Open MPI and TPU pods tell the rest by themselves."""
    coordinator_address: str = ""
    """HOST:PORT at which the first process listens for the others; empty: as the cluster tells."""
    num_processes: int = 0
    """How many processes there are; 0: as the cluster tells."""
    process_id: int = -1
    """Which of them this one is, from 0; -1: as the cluster tells."""
    connect_timeout: int = 300
    """Seconds within which all processes must have come."""
    heartbeat_timeout: int = 60
    """Seconds of silence after which a process counts as lost, and all the others end."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the networks. Parameters, losses, penalties and statistics stay float32."""
    optimizer: Optimizer = "adam"
    """Optimizer of every network."""
    schedule: Shape = "constant"
    """Shape of the learning rate over hyper.schedule_steps."""
    deterministic: bool = False
    """Hold a GPU to the same bits in every run, at some cost in speed; a CPU gives them anyway."""
    tensorboard: bool = True
    """Write metrics to RUN/tensorboard too."""
    wandb: bool = False
    """Write metrics to Weights & Biases too (needs the package wandb)."""
    data: DataConfig = DataConfig()
    hyper: Hyper = Hyper()

    effects: ClassVar[tuple[Effect, ...]] = (
        Effect(
            ("coordinator_address", "num_processes", "process_id", "connect_timeout", "heartbeat_timeout"),
            "set distributed",
            lambda config: config.distributed,
        ),
        Effect(("parallel",), "leave distributed out", lambda config: not config.distributed),
        Effect(
            ("trust",),
            "set init_from or data.from_run",
            lambda config: config.init_from != "" or config.data.from_run != "",
        ),
        Effect(("init_players",), "set init_from", lambda config: config.init_from != ""),
        Effect(
            ("hyper.learning_rate_final", "hyper.schedule_steps"),
            "set schedule to linear or cosine",
            lambda config: config.schedule != "constant",
        ),
        *optimizer_effects(),
    )


CHANGEABLE = frozenset(
    {
        "steps",
        "run",
        "trust",
        "checkpoint_every",
        "checkpoint_minutes",
        "keep_checkpoints",
        "log_every",
        "sample_every",
        "evaluate_every",
        "evaluate_images",
        "evaluate_extractor",
        "steps_per_dispatch",
        "devices",
        "parallel",
        "distributed",
        "coordinator_address",
        "num_processes",
        "process_id",
        "connect_timeout",
        "heartbeat_timeout",
        "deterministic",
        "tensorboard",
        "wandb",
        "data.dir",
        "data.target_dir",
        "data.memory",
    }
)
"""Fields that may differ between the parts of one run: they change neither the recipe nor the data."""
OWN = frozenset(
    {"process_id", "coordinator_address", "connect_timeout", "tensorboard", "wandb", "data.dir", "data.target_dir"}
)
"""Fields that may differ between the processes of one run, all others of which decide what they do together."""


AT_LEAST_ONE = (
    "batch_size",
    "steps_per_dispatch",
    "microbatches",
    "evaluate_images",
    "critic_steps",
    "latent",
    "width",
    "blocks",
    "packing",
    "penalty_every",
    "connect_timeout",
    "heartbeat_timeout",
)
BELOW_ONE = ("b1", "b2", "ema_decay", "label_smoothing", "variance_decay", "smooth_decay")
"""Numbers of `Hyper` of which 1 is too much, at the start of a schedule and at its end; none may be negative."""


def check(config: Config) -> None:
    """Raises UsageError where a number cannot be what it stands for, or was set and nothing looks at it."""
    for name in AT_LEAST_ONE:
        if getattr(config, name, 1) < 1:
            raise UsageError(f"{name} is {getattr(config, name)}: give at least 1")
    if config.devices < 0:
        raise UsageError(f"devices is {config.devices}: give at least 1, or 0 for all")
    if not 0 <= config.seed < 2**32:
        raise UsageError(f"seed is {config.seed}: give a whole number from 0 to 2³² − 1")
    if config.batch_size % config.microbatches:
        raise UsageError(f"batch_size {config.batch_size} does not divide into {config.microbatches} microbatches")
    check_hyper(config.hyper)
    check_effects(config)
    check_processes(config)


def check_processes(config: Config) -> None:
    """Raises UsageError unless all is told of the processes that train together, or nothing."""
    names = ("coordinator_address", "num_processes", "process_id")
    missing = [name for name in names if getattr(config, name) == getattr(Config, name)]
    if missing and len(missing) < len(names):
        raise UsageError(f"{' and '.join(missing)} not given: give all of {', '.join(names)}, or none in a cluster")
    if missing:
        return
    if not 0 <= config.process_id < config.num_processes:
        raise UsageError(
            f"process_id is {config.process_id} of {config.num_processes} processes: give each one "
            "of its own, from 0 to one less than num_processes"
        )
    if config.devices % config.num_processes:
        raise UsageError(
            f"{config.devices} devices do not divide over {config.num_processes} processes: give a multiple of that, "
            "the devices of all processes together"
        )


def check_hyper(hyper: Hyper) -> None:
    """Raises UsageError where a number of a recipe is out of its range."""
    for name, value in dataclasses.asdict(hyper).items():
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"hyper.{name} is {value:g}: give a finite number of at least 0")
        if name.removesuffix("_final") in BELOW_ONE and value >= 1:
            raise UsageError(f"hyper.{name} is {value:g}: give at least 0 and less than 1")


def check_effects(config: Config) -> None:
    """Raises UsageError for an option that differs from the experiment's own and that nothing looks at."""
    usual = type(config)()
    for effect in config.effects:
        for option in effect.options:
            value = look_up(config, option)
            if value != look_up(usual, option) and not effect.counts(config):
                given = " ".join(value) if isinstance(value, tuple) else value
                given = given if isinstance(given, str) else f"{given:g}"
                raise UsageError(f"{option} is {given} and nothing looks at it: {effect.needs}, or leave it out")


def look_up(config: Config, option: str) -> Any:
    """Returns the value of an option by its dotted name."""
    return functools.reduce(getattr, option.split("."), config)


def compute_dtype(config: Config) -> Any:
    """Returns what a module takes as `dtype`: None for the parameters' own, or bfloat16."""
    return jnp.bfloat16 if config.dtype == "bfloat16" else None


def objective_options(config: Config, axis_name: str | None) -> dict[str, Any]:
    """Returns what every `make_…` objective takes from a configuration.

    Raises:
      UsageError: if a schedule has no length.
    """
    if config.schedule != "constant" and config.hyper.schedule_steps <= 0:
        raise UsageError(
            f"schedule {config.schedule} over {config.hyper.schedule_steps:g} steps: set hyper.schedule_steps to its "
            "length, at least 1"
        )
    return {
        "hyper": dataclasses.asdict(config.hyper),
        "optimizer": config.optimizer,
        "schedule": make_learning_rate(config.schedule),
        "microbatches": config.microbatches,
        "axis_name": axis_name,
    }
