"""From a run folder back to what it trained."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgen.config.base import Config
from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.runs.disk.checkpoints import Checkpoints, Restored
from jaxgen.runs.disk.run_folder import RunFolder
from jaxgen.runs.scripts import FOLDER, describe_script, from_dict, load_script
from jaxgen.training import execute, progress
from jaxgen.training.state import Objective, PyTree, averaged, current

NOTHING_GENERATED = "this run generates no images"


class Built(NamedTuple):
    """A run's parts, without anything that was trained.

    Attributes:
      config: its configuration.
      objective: what it trains.
      image_shape: (height, width, channels) of its images.
    """

    config: Config
    objective: Objective
    image_shape: tuple[int, ...]


class Opened(NamedTuple):
    """A run as it was trained.

    Attributes:
      config: its configuration.
      objective: what it trained.
      variables: {"params": …, "stats": …} of the player that makes pictures, at the step chosen.
      step: that step.
    """

    config: Config
    objective: Objective
    variables: PyTree
    step: int


def read_config(run: Path) -> dict[str, Any]:
    """Returns a run's config.json: {"experiment": …, "image_shape": …, "config": …}.

    Raises:
      UsageError: if the folder holds no run, or the file cannot be read.
    """
    plain = RunFolder(run).config()
    if plain is None:
        raise UsageError(f"{run} is no run folder: it has no config.json; give the folder that --run named")
    return plain


def find_script(script: dict[str, str]) -> Any:
    """Returns the module of the script that a run was trained by: where it was, else by its name in ./experiments."""
    for path in (Path(script["path"]), FOLDER / f"{script['name']}.py"):
        if path.is_file():
            return load_script(str(path))
    raise UsageError(
        f"the run's experiment script is gone from {script['path']}: put it back, or at ./{FOLDER}/{script['name']}.py"
    )


def restore(run: Path, objective: Objective, image_shape: tuple[int, ...], which: str, say=progress.say) -> Restored:
    """Returns a checkpoint of a run, "last" or "best"; its data need not be there.

    Raises:
      UsageError: if there is none.
    """
    batch = {"image": jax.ShapeDtypeStruct((1, *image_shape), "float32")}
    template = jax.eval_shape(objective.init, jax.random.key(0), batch)
    with Checkpoints(run / "checkpoints", say=say) as checkpoints:
        restored = checkpoints.restore(template, which)
    if restored is None:
        raise UsageError(f"{run} has no {which} checkpoint yet: train it first")
    return restored


def build(run: Path, say=progress.say) -> Built:
    """Returns the parts of a run from its folder; no checkpoint is read.

    Args:
      run: the folder.
      say: takes warnings.
    Raises:
      UsageError: if the folder or its script is missing, or they do not fit together.
    """
    plain = read_config(run)
    module = find_script(plain["experiment"])
    if describe_script(module.build)["sha256"] != plain["experiment"]["sha256"]:
        say(f"warning: {plain['experiment']['name']}.py has changed since {run} was last trained")
    config = from_dict(module.Config, plain["config"])
    return Built(config, module.build(config, None), tuple(plain["image_shape"]))


def open_built(run: Path, built: Built, *, which: str = "last", ema: bool = True, say=progress.say) -> Opened:
    """Returns a run whose parts are built already, ready to make pictures.

    Args:
      run: the folder.
      built: its parts.
      which: "last" or "best" checkpoint.
      ema: whether the averaged variables are wanted, or those of that very step.
      say: takes warnings.
    Raises:
      UsageError: if its checkpoint is missing or damaged.
    """
    config, objective, image_shape = built
    restored = restore(run, objective, image_shape, which, say)
    pick = averaged if ema else current
    return Opened(config, objective, pick(restored.state, objective.player), restored.step)


def open_run(run: Path, *, which: str = "last", ema: bool = True, say=progress.say) -> Opened:
    """Returns what a run folder holds, ready to make pictures.

    Args:
      run: the folder.
      which: "last" or "best" checkpoint.
      ema: whether the averaged variables are wanted, or those of that very step.
      say: takes warnings.
    Raises:
      UsageError: if the folder, its script or its checkpoint is missing or damaged.
    """
    return open_built(run, build(run, say), which=which, ema=ema, say=say)


def check_label(config: Config, label: int | None) -> None:
    """Raises UsageError where a class is given that the networks of a run are not told; None: none is given."""
    known = classes(config)
    if label is not None and not known:
        raise UsageError(f"label {label}: the networks of this run are told no classes; leave --label out")
    if label is not None and not 0 <= label < known:
        raise UsageError(f"label {label}: this run has {known} classes; give one from 0 to {known - 1}")


def sample(opened: Opened, count: int, seed: int, label: int | None = None) -> Any:
    """Returns images from the prior, float32[count, h, w, c] in [0, 1].

    Args:
      opened: the run.
      count: how many images.
      seed: of the latents.
      label: the class of all of them, where the generator is told one; None: one class after the other.
    Raises:
      UsageError: if what was trained makes no pictures from nothing, or none of that class.
    """
    if opened.objective.generative is None:
        raise UsageError(f"{NOTHING_GENERATED}; see the pictures in its samples folder")
    check_label(opened.config, label)
    draw = execute.jit_on_first_device(opened.objective.generative.sample, static_argnums=2)
    told = () if label is None else (np.full(count, label, np.int32),)
    return draw(opened.variables, jax.random.key(seed), count, *told)
