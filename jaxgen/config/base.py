"""Options of every experiment, as frozen dataclasses: the docstrings of fields are the text of --help."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import jax.numpy as jnp

from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.fields import (
    CHANGEABLE,
    PER_PROCESS,
    Decay,
    NonNegative,
    NonNegativeInt,
    PositiveInt,
    Seed,
    as_text,
    require_in_range,
    require_local,
)
from jaxgen.training.optimizers import OPTIMIZERS
from jaxgen.training.schedules import SHAPES, make_learning_rate

if TYPE_CHECKING:
    Optimizer = str
    Shape = str
else:
    Optimizer = Literal[tuple(OPTIMIZERS)]
    Shape = Literal[tuple(SHAPES)]

Parallel = Literal["shard_map", "pmap"]
ANY_SIZE = ("denoise", "unet", "residual_unet")
"""Experiments whose networks take images of any height and width, to be named in errors."""
MAX_DEVICES = 256
"""Largest number of devices of a process."""


class Condition(NamedTuple):
    """A condition under which options have an effect.

    Attributes:
      options: their dotted names.
      advice: how to fulfil it.
      holds: (config) -> whether it is fulfilled.
    """

    options: tuple[str, ...]
    advice: str
    holds: Callable[[Any], bool]


def hyper_classes(kinds: Iterable[type | None]) -> tuple[type, ...]:
    """Returns dataclasses of hyperparameters as the bases of one that has them all, in this order."""
    return tuple(kind for kind in reversed(dict.fromkeys(kinds)) if kind is not None)


def hyper_condition(kind: type, advice: str, holds: Callable[[Any], bool]) -> Condition:
    """Returns the condition under which the hyperparameters of a dataclass have an effect."""
    return Condition(tuple(f"hyper.{field.name}" for field in dataclasses.fields(kind)), advice, holds)


def option_conditions(option: str, kinds: Mapping[str, type | None]) -> tuple[Condition, ...]:
    """Returns which hyperparameters have an effect with which names of an option.

    Args:
      option: name of an option that takes several names.
      kinds: the dataclass of the hyperparameters of each name, or None.
    """
    return tuple(
        hyper_condition(kind, f"add {name} to {option}", lambda config, name=name: name in getattr(config, option))
        for name, kind in kinds.items()
        if kind is not None
    )


def optimizer_conditions() -> tuple[Condition, ...]:
    """Returns which hyperparameters have an effect with which optimizers."""
    used = lambda config: {config.optimizer, getattr(config, "discriminator_optimizer", config.optimizer)} - {"same"}
    conditions = []
    for name in dict.fromkeys(name for optimizer in OPTIMIZERS.values() for name in optimizer.hyper):
        readers = {key for key, optimizer in OPTIMIZERS.items() if name in optimizer.hyper}
        advice = f"set optimizer to {', '.join(sorted(readers))}"
        holds = lambda config, readers=readers: bool(used(config) & readers)
        conditions.append(Condition((f"hyper.{name}",), advice, holds))
    return tuple(conditions)


@dataclasses.dataclass(frozen=True)
class Hyper:
    """Hyperparameters. They are part of the training state, so that a sweep over them compiles nothing again."""

    learning_rate: NonNegative = 1e-3
    """Learning rate, before schedule and warm-up."""
    learning_rate_final: NonNegative = 0.0
    """Learning rate at the end of the schedule."""
    schedule_steps: NonNegative = 0.0
    """Length of the schedule in steps; afterwards the learning rate stays at its final value."""
    warmup_steps: NonNegative = 0.0
    """Steps over which the learning rate grows linearly from 0."""
    b1: Decay = 0.9
    """Decay of the mean of gradients (Adam's β₁, SGD's momentum)."""
    b2: Decay = 0.999
    """Decay of the mean of squared gradients (Adam's β₂, RMSProp's decay)."""
    weight_decay: NonNegative = 0.0
    """Decoupled weight decay."""
    clip_norm: NonNegative = 0.0
    """Largest global norm of a gradient; 0: no clipping."""
    ema_decay: Decay = 0.999
    """Decay per step of the moving average of the parameters, which sampling and evaluation use."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of every experiment."""

    steps: Annotated[NonNegativeInt, CHANGEABLE] = 10_000
    """Total training steps. A run that is resumed continues up to this number."""
    batch_size: PositiveInt = 64
    """Images per gradient, over all devices."""
    seed: Seed = 0
    """Random seed of initial parameters, latents, noise and damage."""
    run: Annotated[str, CHANGEABLE] = ""
    """Run folder; empty: runs/NAME. A run that the folder holds is resumed."""
    init_from: str = ""
    """Initial weights: a run folder, a shipped network or a .safetensors file; empty: random. Arrays that do not fit
    stay random, and a line lists them."""
    init_players: tuple[str, ...] = ("all",)
    """Networks that init_from initializes: all, main (the one that makes images), or names, as in generator
    discriminator."""
    trust: Annotated[bool, CHANGEABLE] = False
    """Execute the script in the run folder of init_from or data.from_run although no installed experiment has the same
    SHA-256."""
    checkpoint_every: Annotated[NonNegativeInt, CHANGEABLE] = 1000
    """Steps between checkpoints; 0: only at the end."""
    checkpoint_minutes: Annotated[NonNegative, CHANGEABLE] = 0.0
    """Minutes after which a checkpoint is written at any step; 0: off."""
    keep_checkpoints: Annotated[PositiveInt, CHANGEABLE] = 2
    """Number of newest checkpoints to keep, in addition to the best one."""
    log_every: Annotated[NonNegativeInt, CHANGEABLE] = 100
    """Steps between lines of metrics; 0: none."""
    sample_every: Annotated[NonNegativeInt, CHANGEABLE] = 1000
    """Steps between sample images; 0: only at the end."""
    evaluate_every: Annotated[NonNegativeInt, CHANGEABLE] = 1000
    """Steps between evaluations; 0: only at the end."""
    evaluate_images: Annotated[PositiveInt, CHANGEABLE] = 256
    """Images per evaluation, from the test split. GANs are evaluated on training images, so that the test split, on
    which the best checkpoint is reported, does not select it."""
    evaluate_extractor: Annotated[str, CHANGEABLE] = ""
    """Feature extractor that scores generated images during training, as in auto or mnist (see jaxgen evaluate);
    empty: the experiment's own metrics."""
    steps_per_dispatch: Annotated[PositiveInt, CHANGEABLE] = 1
    """Training steps per call to the accelerator; every interval must be a multiple of it."""
    microbatches: PositiveInt = 1
    """Parts into which a batch is split for gradient accumulation, to save memory. Batch norm sees one at a time."""
    devices: Annotated[NonNegativeInt, CHANGEABLE] = 0
    """Devices over which a batch is spread, those of all processes together; 0: all accelerators, or one CPU device per
    process. A CPU simulates any number."""
    parallel: Annotated[Parallel, CHANGEABLE] = "shard_map"
    """How a batch is spread over devices: jit of shard_map over a mesh, or pmap (of one process), which computes the
    same and which JAX keeps in maintenance mode."""
    distributed: Annotated[bool, CHANGEABLE] = False
    """Train in several processes, on any number of hosts, all started with the same options. All must see the run
    folder. Slurm, Kubernetes, Open MPI and TPU pods set the next three options."""
    coordinator_address: Annotated[str, PER_PROCESS] = ""
    """HOST:PORT at which the first process listens for the others; empty: as the cluster says."""
    num_processes: Annotated[NonNegativeInt, CHANGEABLE] = 0
    """Number of processes; 0: as the cluster says."""
    process_id: Annotated[int, PER_PROCESS] = -1
    """Index of this process, from 0; -1: as the cluster says."""
    connect_timeout: Annotated[PositiveInt, PER_PROCESS] = 300
    """Seconds to wait for the other processes at the start."""
    heartbeat_timeout: Annotated[PositiveInt, CHANGEABLE] = 60
    """Seconds of silence after which a process counts as lost and all others end."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the networks. Parameters, losses, penalties and statistics stay float32."""
    optimizer: Optimizer = "adam"
    """Optimizer of every network."""
    schedule: Shape = "constant"
    """Learning rate schedule, over hyper.schedule_steps."""
    deterministic: Annotated[bool, CHANGEABLE] = False
    """Use deterministic GPU kernels only, at some cost in speed. CPUs are deterministic anyway."""
    tensorboard: Annotated[bool, PER_PROCESS] = True
    """Write metrics to RUN/tensorboard too."""
    wandb: Annotated[bool, PER_PROCESS] = False
    """Write metrics to Weights & Biases too (needs the package wandb)."""
    data: DataConfig = DataConfig()
    hyper: Hyper = Hyper()

    conditions: ClassVar[tuple[Condition, ...]] = (
        Condition(
            ("coordinator_address", "num_processes", "process_id", "connect_timeout", "heartbeat_timeout"),
            "set distributed",
            lambda config: config.distributed,
        ),
        Condition(("parallel",), "leave distributed out", lambda config: not config.distributed),
        Condition(
            ("trust",),
            "set init_from or data.from_run",
            lambda config: config.init_from != "" or config.data.from_run != "",
        ),
        Condition(("init_players",), "set init_from", lambda config: config.init_from != ""),
        Condition(
            ("hyper.learning_rate_final", "hyper.schedule_steps"),
            "set schedule to linear or cosine",
            lambda config: config.schedule != "constant",
        ),
        *optimizer_conditions(),
    )


def check(config: Config) -> None:
    """Raises UsageError where an option is out of its range or has no effect."""
    require_in_range(config)
    require_local(config)
    if config.batch_size % config.microbatches:
        raise UsageError(f"batch_size {config.batch_size} does not divide into {config.microbatches} microbatches")
    check_conditions(config)
    check_processes(config)
    if config.num_processes or not config.distributed:
        each = config.devices // max(config.num_processes, 1)
        if each > MAX_DEVICES:
            raise UsageError(f"devices {config.devices} are {each} for a process: give at most {MAX_DEVICES} for each")


def check_processes(config: Config) -> None:
    """Raises UsageError unless all options about the processes are given, or none."""
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


def check_conditions(config: Config) -> None:
    """Raises UsageError for an option that differs from the experiment's default and has no effect."""
    defaults = type(config)()
    for condition in config.conditions:
        for option in condition.options:
            value = look_up(config, option)
            if value != look_up(defaults, option) and not condition.holds(config):
                raise UsageError(f"{option} is {as_text(value)} and has no effect: {condition.advice}, or leave it out")


def look_up(config: Config, option: str) -> Any:
    """Returns the value of an option by its dotted name."""
    return functools.reduce(getattr, option.split("."), config)


def replace_option(config: Any, option: str, value: Any) -> Any:
    """Returns a configuration with another value of an option, given by its dotted name."""
    group, _, name = option.rpartition(".")
    if not group:
        return dataclasses.replace(config, **{name: value})
    return replace_option(config, group, dataclasses.replace(look_up(config, group), **{name: value}))


def compute_dtype(config: Config) -> Any:
    """Returns the `dtype` of modules: None for that of the parameters, or bfloat16."""
    return jnp.bfloat16 if config.dtype == "bfloat16" else None


def square_side(config: Config) -> int:
    """Returns the height and width of the images of a network that makes square ones.

    Raises:
      UsageError: if images are to have another shape.
    """
    if isinstance(config.data.size, tuple):
        height, width = config.data.size
        raise UsageError(
            f"data.size {height} {width}: the networks of this experiment make square images; give one number, or "
            f"train one of those that restore images of any height and width, as {', '.join(ANY_SIZE)}"
        )
    return config.data.size


def objective_options(config: Config, axis_name: str | None) -> dict[str, Any]:
    """Returns the arguments that every `make_…` objective takes from a configuration.

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
