"""Trains an experiment: builds data set, objective and program from a configuration, and runs the loop."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxgen import data
from jaxgen.config.base import Config, check, look_up, replace_option
from jaxgen.config.gan import classes
from jaxgen.config.vae import GREY, takes_grey_for_binary
from jaxgen.errors import UsageError
from jaxgen.evaluation.memorisation import rows_with_nearest
from jaxgen.fields import changeable, flat_values
from jaxgen.io import curves
from jaxgen.runs import preflight
from jaxgen.runs.data import record
from jaxgen.runs.data.derived import derive
from jaxgen.runs.data.paths import describe_paths
from jaxgen.runs.data.record import describe_data
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.config_file import FORMER, absent_fields, to_dict, versions
from jaxgen.runs.disk.records import count_parameters
from jaxgen.runs.disk.run_folder import Line, RunFolder
from jaxgen.runs.experiment_copy import Script, find_script, installed_name, local_imports
from jaxgen.runs.init_from import init_from, select_players
from jaxgen.runs.summary import opening_line
from jaxgen.training import distributed, execute, loop, memory, progress, supervision
from jaxgen.training.optimizers import hyper_arrays
from jaxgen.training.state import Batch, Objective, TrainState

Build = Callable[..., Objective]
Evaluate = Callable[[TrainState], Mapping[str, Any]]
"""(state) -> metrics by name."""


def prepare_devices(config: Config) -> int:
    """Returns the number of devices to run on, after creating as many CPU devices as `config.devices` says.

    Where `config.devices` is 0, it is the largest number of accelerators that divides a batch (of packs, where images
    are packed), or one CPU device; each of several processes has equally many.

    CPU devices can only be created before JAX has started its backend; afterwards the existing ones are used.
    """
    if config.deterministic:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
    if config.devices > 1:
        try:
            jax.config.update("jax_num_cpu_devices", config.devices // max(config.num_processes, 1))
        except RuntimeError:
            # JAX's backend has started; compile_program raises where its devices are too few.
            return config.devices
    processes = jax.process_count()
    if config.devices or distributed.device_platform() == "cpu":
        return config.devices or processes
    units = config.batch_size // config.microbatches // getattr(config, "packing", 1)
    counts = range(processes, jax.device_count() + 1, processes)
    return max((count for count in counts if units % count == 0), default=processes)


def open_folder(
    config: Config,
    path: Path,
    content: dict[str, Any],
    script: Script,
    dataset: data.Dataset,
    say: Callable[[str], None],
) -> RunFolder:
    """Opens the run's folder. Of several processes the first one creates and writes it.

    Raises:
      UsageError: if it holds another run, or one of other images.
    """
    folder = None
    if distributed.is_first():
        noted, fields = record.compare(path, content, dataset, say)
        folder = RunFolder.open(
            path,
            content | noted | describe_paths(config, path),
            script=script.source,
            defaults=to_dict(type(config)()),
            changeable=changeable(type(config)) | set(fields),
            tensorboard=config.tensorboard,
            wandb=config.wandb,
            say=say,
        )
        record.write_files(path, dataset.contents.files)
    distributed.wait_for_all("the run folder is open")
    return folder or RunFolder.follow(path, content, changeable=changeable(type(config), per_process=True))


def evaluation_images(config: data.Config, images: int, objective: Objective, training: data.Dataset) -> Batch:
    """Returns the images that a run is evaluated on, always the same: a batch of the data set's test split.

    For a model that only generates it is a batch of training images: the best checkpoint is chosen by the samples'
    distance from them, so the test split stays unseen until the final evaluation.

    Args:
      config: of the data, with the images' size and channels.
      images: their number, at most all.
      objective: what is trained.
      training: the training images, which are not loaded again.
    """
    generates_only = objective.generative is not None and objective.latent is None
    split = config.split if generates_only else "test"
    is_loaded = split == config.split and not config.from_run
    config = dataclasses.replace(config, split=split, flip=False, dequantize=False)
    dataset = dataclasses.replace(training, config=config) if is_loaded else data.load(config)
    return dataset.batch(0, 0, min(images, len(dataset)))


def choose_evaluation(config: Config, objective: Objective, evaluation_batch: Batch) -> tuple[Evaluate, Objective]:
    """Returns the evaluation during training, and the objective with the selection by its metrics.

    Raises:
      UsageError: if `evaluate_extractor` is set and the objective generates no images, or it does not fit the data.
    """
    if not config.evaluate_extractor:
        evaluate = execute.jit_on_first_device(objective.evaluate)
        return lambda state: evaluate(state, evaluation_batch), objective
    if objective.generative is None:
        raise UsageError(
            f"evaluate_extractor is {config.evaluate_extractor}: this experiment generates no images; leave it out"
        )
    from jaxgen.evaluation import extractors, online

    measure, selection = online.make_online(
        extractors.load_extractor(config.evaluate_extractor, config.data.name, config.data.channels),
        config.data,
        objective.generative.sample,
        objective.player,
        config.evaluate_images,
        conditional=classes(config) > 0,
    )
    return measure, dataclasses.replace(objective, selection=selection)


def with_nearest(images: Mapping[str, Any], dataset: data.Dataset) -> dict[str, Any]:
    """Adds the group "nearest": each row of the group "samples", if any, above a row of its nearest training images."""
    if "samples" not in images:
        return dict(images)
    samples = np.asarray(images["samples"])
    rows = rows_with_nearest(samples.reshape(-1, *samples.shape[-3:]), dataset)
    return dict(images) if rows is None else {**images, "nearest": rows}


def require_memory(config: Config, objective: Objective, template: TrainState, first: Batch, devices: int) -> None:
    """Raises UsageError where several codes per image do not fit in memory, before a step is compiled."""
    samples = getattr(config, "samples", 1)
    if samples == 1:
        return
    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct((config.batch_size, *x.shape[1:]), x.dtype), first)
    # The largest array and its gradient exist at the same time.
    memories = memory.count_memories(devices, distributed.device_platform())
    needed = 2 * memory.largest_array(objective.step, template, batch) // memories
    purpose = f"a step of {config.batch_size} images with {samples} codes each"
    memory.require(needed, purpose, "lower samples or batch-size, or raise microbatches")


def is_binary(images: Array) -> bool:
    """Returns whether images in [0, 1] are black and white only."""
    pixels = np.asarray(images)
    return not ((pixels > 0) & (pixels < 1)).any()


class Prepared(NamedTuple):
    """The parts of a training run, before its first step.

    Attributes:
      config: the configuration, with the images' size and channels.
      dataset: the training images.
      objective: the objective on one device.
      evaluation_batch: the images that the run is evaluated on.
      measure: state -> metrics of an evaluation.
      first: a batch of one image.
      template: the shapes of the state.
      devices: number of devices that each batch is spread over.
    """

    config: Config
    dataset: data.Dataset
    objective: Objective
    evaluation_batch: Batch
    measure: Evaluate
    first: Batch
    template: TrainState
    devices: int


def prepare(config: Config, build: Build, devices: Callable[[], int] = lambda: 1, path: Path | None = None) -> Prepared:
    """Builds the parts of a training run. Until its shapes are checked, no device is used.

    Args:
      config: the configuration.
      build: (config, axis_name) -> objective.
      devices: prepares the devices, and returns the number of those that each batch is spread over.
      path: of the run's folder; None: there is none.
    Raises:
      UsageError: if the configuration or the data are invalid.
    """
    config, dataset = preflight.load(config)
    if config.data.from_run:
        count, dataset = devices(), derive(dataset, trust=config.trust)
        objective = preflight.build_checked(config, build, dataset)
    else:
        objective = preflight.build_checked(config, build, dataset)
        count = 0
    if path:
        preflight.check_init_from(config, objective, dataset, path)
    count = count or devices()
    evaluation_batch = evaluation_images(config.data, config.evaluate_images, objective, dataset)
    measure, objective = choose_evaluation(config, objective, evaluation_batch)
    first = dataset.batch(0, 0, 1)
    template = jax.eval_shape(objective.init, jax.random.key(0), first)
    require_memory(config, objective, template, first, count)
    select_players(config.init_players, objective.player, template.params)
    return Prepared(config, dataset, objective, evaluation_batch, measure, first, template, count)


def batch_shapes(prepared: Prepared) -> Batch:
    """Returns the shapes of the batch that one step takes."""
    images = prepared.objective.chunks * prepared.config.batch_size
    return jax.eval_shape(lambda: prepared.dataset.batch(0, 0, images))


def describe_run(script: Script, dataset: data.Dataset, config: Config) -> dict[str, Any]:
    """Returns the content of a run's config.json, see `disk.config_file`."""
    experiment = {"name": script.name, "sha256": script.sha256}
    return versions() | {"experiment": experiment} | describe_data(dataset) | {"config": to_dict(config)}


def run_path(config: Config, script: Script) -> Path:
    """Returns a run's folder: the one asked for, or runs/NAME."""
    return Path(config.run or Path("runs") / script.name)


def with_former_defaults(config: Config, path: Path, say: Callable[[str], None]) -> tuple[Config, dict[str, Any]]:
    """Returns the configuration with which to resume a run that was started before some of its fields existed.

    Args:
      config: the configuration. Such a field takes the value that stands for its absence if it has today's default.
      path: the run's folder, whose configuration must agree with all other fields, see `RunFolder.open`.
      say: takes a line for each field whose value is not today's default.
    Returns:
      (configuration, those fields with that value by dotted name).
    """
    folder, defaults = RunFolder(path), dict(flat_values(type(config)()))
    before = folder.config() if folder.has_checkpoints() else None
    distributed.wait_for_all("the configuration of the run is read")
    former = {name: value for name, value in absent_fields(before).items() if name in defaults} if before else {}
    for name, value in former.items():
        if look_up(config, name) == defaults[name] != value:
            config = replace_option(config, name, value)
            say(f"{path} was started before {name} existed: it is {value!r} here, and {defaults[name]!r} in new runs")
    return config, former


def closing_lines(path: Path, history: Sequence[Line], objective: Objective, script: Script) -> list[str]:
    """Returns what to print at the end of a training: its best score, where its files are, and commands to go on with.

    Args:
      path: the run folder.
      history: the lines of metrics.jsonl.
      objective: what was trained.
      script: the experiment's script; commands execute its copy only with --trust unless it is an installed one.
    """
    trust = "" if installed_name(script) else " --trust"
    lines, selection = [f"{path}: samples, curves.png, metrics.jsonl, checkpoints"], objective.selection
    if best := selection.best(history):
        lines.append(f"best {selection.metric} {best[selection.metric]:.4g} at step {best['step']}")
    commands = [f"jaxgen info {path}"]
    if objective.generative:
        commands = [f"jaxgen sample {path}{trust}", f"jaxgen evaluate {path}{trust}", *commands]
    elif objective.restoring_clips:
        commands = [f"jaxgen restore CLIPFOLDER --network {path}{trust}", *commands]
    elif objective.classifying:
        commands = [f"jaxgen evaluate {path}{trust}", f"jaxgen predict {path} PICTURES{trust}", *commands]
    elif objective.restoring:
        commands = [f"jaxgen restore PHOTO --network {path}{trust}", *commands]
    return [*lines, f"next: {'; '.join(commands)}"]


def train(
    config: Config, build: Build, *, script: Script | None = None, say: Callable[[str], None] = progress.say
) -> TrainState:
    """Trains an experiment, or resumes it from its run folder, and returns the last state.

    All processes of a distributed run call it. Where one of them is lost, JAX ends this process by SIGABRT unless it is
    the child of `supervision.supervise`, as it is where a command calls this.

    Args:
      config: the configuration.
      build: (config, axis_name) -> objective.
      script: that defines `build`; None: the file that it is in.
      say: prints a line for the user.
    Raises:
      UsageError: if the configuration, the data or the run folder are invalid.
      NonFiniteError: if a metric or the state became NaN or infinite.
      Interrupted: if SIGTERM, SIGHUP or Ctrl-C stopped it, after a checkpoint.
    """
    check(config)
    options = loop.Options(**{field.name: getattr(config, field.name) for field in dataclasses.fields(loop.Options)})
    options.check(0)
    if config.distributed:
        distributed.initialize(
            config.coordinator_address,
            config.num_processes,
            config.process_id,
            connect_timeout=config.connect_timeout,
            heartbeat_timeout=config.heartbeat_timeout,
        )
    # The processes know each other only once their devices are made.
    device_count = prepare_devices(config) if config.distributed else 0
    script = script or find_script(build)
    path = run_path(config, script)
    preflight.check_folder(config, path)
    first_process = distributed.is_first()
    if not first_process:
        # Checkpoints by the clock are timed by the first process alone, which also prints all messages.
        options, say = dataclasses.replace(options, checkpoint_minutes=0.0), lambda line: None
    config, former = with_former_defaults(config, path, say)
    kind = type(config)
    RunFolder(path).check_options(script.name, to_dict(config), defaults=to_dict(kind()), changeable=changeable(kind))
    with progress.reminding("loading the data", say):
        prepared = prepare(config, build, lambda: device_count or prepare_devices(config), path)
    config, dataset, objective, evaluation_batch, measure, first, template, devices = prepared
    if first_process and dataset.contents.lines:
        # On standard output, as the progress.
        print("\n".join(dataset.contents.lines), flush=True)
    program = execute.compile_program(
        partial(build, config),
        dataset.feed,
        config.batch_size,
        steps=config.steps_per_dispatch,
        devices=devices,
        execution="pmap" if config.parallel == "pmap" else "",
    )
    if names := local_imports(script):
        say(
            f"warning: {script.path} imports {', '.join(names)} from its own folder, and the run folder holds the "
            "script alone: move what it imports into an installed package, so that the run can be opened"
        )
    content = describe_run(script, dataset, config) | ({FORMER: former} if former else {})
    supervision.note(supervision.STARTING, str(path))
    with (
        open_folder(config, path, content, script, dataset, say) as folder,
        Checkpoints(
            path / "checkpoints", keep=config.keep_checkpoints, selection=objective.selection, say=say
        ) as checkpoints,
    ):
        if first_process:
            # On standard output, as the progress.
            print(opening_line(path, content, count_parameters(template.params), devices), flush=True)
        hyper = hyper_arrays(dataclasses.asdict(config.hyper))
        restored = checkpoints.restore(program.place_shapes(template), new_hyper=hyper)
        distributed.require_same(restored.step if restored else 0, "the checkpoint to go on from")
        if restored is None:
            if takes_grey_for_binary(config) and not is_binary(evaluation_batch["image"]):
                say(f"warning: {GREY}")
            start, state = 0, execute.jit_on_first_device(objective.init)(jax.random.key(config.seed), first)
            if config.init_from:
                state = init_from(
                    state, objective.player, config.init_from, config.init_players, say, trust=config.trust
                )
        else:
            start, state = restored.step, restored.state
            for step in restored.damaged:
                checkpoints.discard(step)
            ended = f"has {start} steps already: more --steps continue it"
            say(f"{path}: {ended if start >= config.steps else f'going on from step {start}'}")
        visualize = execute.jit_on_first_device(objective.visualize)
        state = loop.train(
            program.advance,
            program.place(state),
            start=start,
            options=options,
            folder=folder,
            checkpoints=checkpoints,
            config=content,
            images_per_step=program.images_per_step,
            evaluate=measure,
            visualize=lambda state: with_nearest(visualize(state, evaluation_batch), dataset),
            selection=objective.selection,
            best=objective.selection.best(folder.history()) if restored else None,
            alarms=objective.alarms,
            finished=objective.finished,
            progress=supervision.JournalProgress(progress.choose() if first_process else None),
            agree=program.agree,
        )
        if first_process:
            curves.draw(folder.history(), path / "curves.png", say=say)
            print("\n".join(closing_lines(path, folder.history(), objective, script)), flush=True)
    return state
