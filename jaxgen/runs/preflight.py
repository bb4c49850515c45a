"""Checks of a training before it uses a device and before its folder exists: data, shapes and memory."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from jaxgen import data
from jaxgen.config.base import Config
from jaxgen.errors import UsageError
from jaxgen.fields import as_text, changeable, flat_values
from jaxgen.host_memory import require_room
from jaxgen.io.text import require_writable
from jaxgen.runs.disk.run_folder import RunFolder, require_own_folders
from jaxgen.runs.disk.trackers import require_wandb
from jaxgen.runs.experiment_copy import find_script, installed_name
from jaxgen.runs.init_from import check_source, require_source
from jaxgen.runs.reopen import read_config
from jaxgen.training.state import Batch, Objective, PyTree, TrainState

MAX_REASON = 160
"""Characters of an exception's message that an error repeats."""


def check_folder(config: Config, path: Path) -> None:
    """Raises UsageError where a run cannot start: its folder is not its own or cannot be written, or files miss."""
    require_writable(path)
    require_own_folders(path)
    if config.wandb:
        require_wandb()
    if config.init_from and not RunFolder(path).has_checkpoints():
        require_source(config.init_from)


def with_image_shape(config: Config, dataset: data.Dataset) -> Config:
    """Returns the configuration with the data set's size and channels where it says "as stored"."""
    height, width, channels = dataset.image_shape
    if config.data.name == "picture":
        return dataclasses.replace(config, data=dataclasses.replace(config.data, channels=channels))
    size = height if height == width else (height, width)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, size=size, channels=channels))


def load(config: Config) -> tuple[Config, data.Dataset]:
    """Loads the data set of a configuration, without a device.

    Returns:
      (the configuration with the images' size and channels, the real images).
    Raises:
      UsageError: if there is no such data set, no run that its images come from, or no memory for a generator's images.
    """
    dataset = data.load(config.data)
    if config.data.from_run:
        read_config(Path(config.data.from_run))
        count = config.data.samples
        purpose = f"a set of {count} images (data.samples)"
        require_room(count * math.prod(dataset.image_shape) * 4, purpose, "lower data.samples")
    return with_image_shape(config, dataset), dataset


def build_checked(config: Config, build: Callable[..., Objective], dataset: data.Dataset) -> Objective:
    """Returns the objective of a configuration after its functions are traced with the shapes of its data.

    Args:
      config: the configuration, with the images' size and channels.
      build: (config, axis_name) -> objective.
      dataset: the training images.
    Raises:
      UsageError: if an installed experiment cannot be built or traced with these options, or its batches and its state
        do not fit in memory. Another experiment's exceptions stay as they are, for its author.
    """
    with explained(config, build, dataset):
        objective = build(config, None)
        trace(config, objective, dataset)
    return objective


def trace(config: Config, objective: Objective, dataset: data.Dataset) -> None:
    """Traces what a training computes; nothing is computed, and no device is used.

    Raises:
      UsageError: if a batch or the state is larger than the memory of this computer.
    """
    images = objective.chunks * config.batch_size
    batch = dataset.shapes(images)
    if not config.distributed:
        require_room(count_bytes(batch), f"a step of {images} images", "lower batch_size")
    state = state_shapes(objective, dataset.shapes(1))
    require_room(count_bytes(state), "the state of the networks", "make the networks smaller")
    if not chosen_options(config):
        # An experiment fits its own defaults, and its step need not be traced twice.
        return
    jax.eval_shape(objective.step, state, batch)
    evaluated = dataset.shapes(min(config.evaluate_images, len(dataset)))
    jax.eval_shape(objective.evaluate, state, evaluated)
    jax.eval_shape(objective.visualize, state, evaluated)


def state_shapes(objective: Objective, batch: Batch) -> TrainState:
    """Returns the shapes of a state. The key is made within the trace, so that no device is used."""
    return jax.eval_shape(lambda images: objective.init(jax.random.key(0), images), batch)


def check_init_from(config: Config, objective: Objective, dataset: data.Dataset, path: Path) -> None:
    """Raises UsageError where the weights to start from are missing or do not fit. A resumed run reads none."""
    if config.init_from and not RunFolder(path).has_checkpoints():
        state = state_shapes(objective, dataset.shapes(1))
        check_source(state, objective.player, config.init_from, config.init_players, trust=config.trust)


def count_bytes(shapes: PyTree) -> int:
    """Returns the bytes of arrays of these shapes."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


@contextlib.contextmanager
def explained(config: Config, build: Callable[..., Any], dataset: data.Dataset) -> Iterator[None]:
    """A context in which an exception of an installed experiment becomes a UsageError that names the options."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        options = chosen_options(config)
        if not options or installed_name(find_script(build)) is None:
            raise
        reason = " ".join(str(error).split())[:MAX_REASON]
        size = "x".join(map(str, dataset.image_shape))
        raise UsageError(
            f"{', '.join(options)}: the networks or losses do not take images of {size} with these options "
            f"({type(error).__name__}: {reason}); change one of them"
        ) from error


def chosen_options(config: Config) -> list[str]:
    """Returns the options that determine shapes and differ from the experiment's defaults, as "width 4"."""
    defaults = dict(flat_values(type(config)()))
    names = changeable(type(config)) | {"seed", "data.seed", "data.dir"}
    return [
        f"{name} {as_text(value)}"
        for name, value in flat_values(config)
        if value != defaults[name] and name not in names and not name.startswith("hyper.")
    ]
