"""Training an experiment: the parts of a configuration are put together and given to the loop."""

import dataclasses
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax

from jaxgen import data
from jaxgen.experiment.config import CHANGEABLE, Config
from jaxgen.experiment.scripts import describe_script, to_dict
from jaxgen.reports import curves
from jaxgen.step.state import Batch, Objective, TrainState
from jaxgen.training import execute, loop
from jaxgen.training.checkpoints import Checkpoints
from jaxgen.training.run_folder import RunFolder

Build = Callable[..., Objective]


def prepare_devices(config: Config) -> int:
    """Returns over how many devices to run, after making as many CPU devices as were asked for.

    Works as long as nothing has touched a device; afterwards those that are there must do.
    """
    if config.deterministic:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
    if config.devices > 1:
        try:
            jax.config.update("jax_num_cpu_devices", config.devices)
        except RuntimeError:
            # A backend is up already; compile_program says so where its devices are too few.
            return config.devices
    return config.devices or (1 if jax.default_backend() == "cpu" else jax.local_device_count())


def held_out(config: data.Config, images: int) -> Batch:
    """Returns the images that a run is evaluated on, always the same: a batch of the data set's test split."""
    kept = data.load(dataclasses.replace(config, split="test", flip=False, dequantise=False))
    return kept.batch(0, 0, min(images, len(kept)))


def run_path(config: Config, script: dict[str, str]) -> Path:
    """Returns a run's folder: the one asked for, or runs/NAME."""
    return Path(config.run or Path("runs") / script["name"])


def train(config: Config, build: Build, *, say: Callable[[str], None] = print) -> TrainState:
    """Trains what `build` makes of a configuration, or goes on training it, and returns the last state.

    Args:
      config: the recipe.
      build: (config, axis_name) -> objective.
      say: takes the lines that tell a person what happens.
    Raises:
      UsageError: if something about the configuration, the data or the run folder must be put right first.
      NonFiniteError: if a metric or the state became NaN or infinite.
      Interrupted: if SIGTERM or Ctrl-C stopped it, after a checkpoint.
    """
    script, devices = describe_script(build), prepare_devices(config)
    dataset = data.load(config.data)
    objective = build(config, None)
    first = dataset.batch(0, 0, 1)
    template = jax.eval_shape(objective.init, jax.random.key(0), first)
    program = execute.compile_program(
        partial(build, config),
        lambda images: execute.Feed(*dataset.source(images)),
        config.batch_size,
        steps=config.steps_per_dispatch,
        devices=devices,
    )
    plain = {"experiment": script, "image_shape": list(dataset.image_shape), "config": to_dict(config)}
    path = run_path(config, script)
    with (
        RunFolder.open(
            path, plain, changeable=CHANGEABLE, tensorboard=config.tensorboard, wandb=config.wandb, say=say
        ) as folder,
        Checkpoints(path / "checkpoints", keep=config.keep, selection=objective.selection, say=say) as checkpoints,
    ):
        restored = checkpoints.restore(template)
        if restored is None:
            start, state = 0, execute.once(objective.init)(jax.random.key(config.seed), first)
        else:
            start, state = restored.step, restored.state
            for step in restored.damaged:
                checkpoints.discard(step)
            say(f"{path}: going on from step {start}")
        folder.truncate(start)
        kept = held_out(config.data, config.evaluate_images)
        evaluate, pictures = execute.once(objective.evaluate), execute.once(objective.pictures)
        state = loop.train(
            program.advance,
            program.place(state),
            start=start,
            options=loop.Options(**{f.name: getattr(config, f.name) for f in dataclasses.fields(loop.Options)}),
            folder=folder,
            checkpoints=checkpoints,
            config=plain,
            images_per_step=program.images,
            evaluate=lambda state: evaluate(state, kept),
            pictures=lambda state: pictures(state, kept),
        )
        curves.draw(folder.history(), path / "curves.png", say=say)
    return state
