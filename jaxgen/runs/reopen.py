"""Opens a run folder: its configuration, its experiment's objective and the weights of a checkpoint."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxgen.config.base import Config, replace_option
from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.fields import require_in_range
from jaxgen.host_memory import require_room
from jaxgen.runs.data.paths import find_data
from jaxgen.runs.disk import config_file
from jaxgen.runs.disk.checkpoints import Checkpoints, Restored
from jaxgen.runs.disk.run_folder import CONFIG, Line, RunFolder
from jaxgen.runs.experiment_copy import load_copy
from jaxgen.training import execute, progress
from jaxgen.training.optimizers import hyper_arrays
from jaxgen.training.state import Generative, Objective, PyTree, TrainState, averaged, current

MAX_REASON = 160
"""Characters of an exception's message that an error repeats."""
PART = 64
"""Images that are drawn at once."""
RUNS_ONLY = "leave --checkpoint, --no-ema, --trust and --data.dir out, they are for runs"


@dataclasses.dataclass(frozen=True)
class OpenOptions:
    """Options of every command that opens a run."""

    checkpoint: Literal["last", "best"] = "last"
    """Checkpoint to load."""
    ema: bool = True
    """Use the moving average of the parameters, or the parameters of that step."""
    trust: bool = False
    """Execute the run's experiment.py although no installed experiment has the same SHA-256."""
    data_dir: str = ""
    """Folder of the run's data, where it has moved; empty: as in training."""


DEFAULTS = OpenOptions()


class Built(NamedTuple):
    """A run without weights.

    Attributes:
      path: its folder.
      config: its configuration.
      objective: its objective.
      image_shape: (height, width, channels) of its images.
    """

    path: Path
    config: Config
    objective: Objective
    image_shape: tuple[int, ...]


class Opened(NamedTuple):
    """A run with the weights of a checkpoint.

    Attributes:
      path: its folder.
      config: its configuration.
      objective: its objective.
      variables: {"params": …, "stats": …} of the main network, `objective.player`.
      step: training steps that the checkpoint has seen.
    """

    path: Path
    config: Config
    objective: Objective
    variables: PyTree
    step: int

    def sample(self, count: int, seed: int = 0, label: int | None = None) -> np.ndarray:
        """Samples images from the prior.

        Args:
          count: number of images.
          seed: seed of the latents.
          label: class of all images of a conditional run; None: the classes in turn.
        Returns:
          float32[count, h, w, c] in [0, 1].
        Raises:
          UsageError: if the run is no generator, or has no such class.
        """
        return np.concatenate(list(self.sample_parts(count, seed, label)))

    def sample_parts(self, count: int, seed: int = 0, label: int | None = None) -> Iterator[np.ndarray]:
        """Yields the images of `sample` in parts, so that memory does not grow with their number.

        Args, Raises: those of `sample`.

        Yields:
          float32[n, h, w, c] in [0, 1], n at most `PART`.
        """
        generative = require_generative(self.objective)
        check_label(self.config, label)
        draw, size = execute.jit_on_first_device(generative.sample, static_argnums=2), min(count, PART)
        labels = None if label is None else np.full(size, label, np.int32)
        for first in range(0, count, size):
            # The last part is drawn whole, so that one program draws all.
            further = (labels, np.int32(first)) if count > size else () if labels is None else (labels,)
            part = draw(self.variables, jax.random.key(seed), size, *further)
            yield np.asarray(part)[: count - first]

    def metrics(self) -> list[Line]:
        """Returns the lines of metrics.jsonl, see `RunFolder.history`."""
        return RunFolder(self.path).history()


def read_config(run: Path) -> dict[str, Any]:
    """Returns the content of a run's config.json, see `config_file`.

    Raises:
      UsageError: if the folder holds no run, or the file cannot be read.
    """
    content = config_file.read(run / CONFIG)
    if content is None:
        near = [Path("runs") / run.name, *sorted(path.parent for path in run.glob(f"*/{CONFIG}"))]
        found = [str(path) for path in near if (path / CONFIG).is_file()]
        hint = f"did you mean {' or '.join(found[:3])}?" if found else "give the folder that --run named"
        raise UsageError(f"{run} is no run folder: it has no {CONFIG}; {hint}")
    there = {"experiment": content["experiment"].get("name"), "image_shape": content.get("image_shape")}
    if missing := [name for name, value in there.items() if not value]:
        raise config_file.damaged(run / CONFIG, f"it has no {missing[0]}")
    return content


def require_images_fit(run: Path, count: int) -> None:
    """Raises UsageError where so many images of a run do not fit in memory; only its config.json is read."""
    height, width, channels = read_config(run)["image_shape"]
    purpose = f"a set of {count} images of {height}x{width}x{channels}"
    require_room(4 * count * height * width * channels, purpose, "give a smaller count")


def build(run: Path, options: OpenOptions = DEFAULTS, say=progress.say) -> Built:
    """Returns a run without its weights; no checkpoint is read.

    Raises:
      UsageError: if the folder holds no run, its script is missing or not trusted, or they do not fit together.
    """
    content = read_config(run)
    module = load_copy(run, content, trust=options.trust, say=say)
    with naming_config(run, module.Config):
        config = config_file.from_dict(module.Config, content["config"], content["format"])
        require_in_range(config)
        config = find_data(config, content, run)
        if options.data_dir:
            config = replace_option(config, "data.dir", options.data_dir)
        return Built(run, config, module.build(config, None), tuple(content["image_shape"]))


def as_built(run: Path | Built, options: OpenOptions = DEFAULTS, say=progress.say) -> Built:
    """Returns a run without its weights, see `build`; one that is built already as it is."""
    return run if isinstance(run, Built) else build(run, options, say)


def state_shapes(built: Built) -> TrainState:
    """Returns the shapes of a run's state. The key is made within the trace, so that no device is used.

    Raises:
      UsageError: if the networks do not take images of the run's shape.
    """
    batch = {"image": jax.ShapeDtypeStruct((1, *built.image_shape), "float32")}
    with naming_config(built.path, type(built.config)):
        return jax.eval_shape(lambda images: built.objective.init(jax.random.key(0), images), batch)


@contextlib.contextmanager
def naming_config(run: Path, kind: type) -> Iterator[None]:
    """A context in which a configuration that cannot be built is a UsageError that names the run's config.json.

    Args:
      run: the run folder.
      kind: the experiment's Config. Exceptions of an experiment that is not jaxgen's stay as they are, for its author.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{run / CONFIG}: {error}") from error
    except Exception as error:
        if not kind.__module__.startswith("jaxgen."):
            raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:MAX_REASON]}"
        raise config_file.damaged(run / CONFIG, f"no network has these options: {reason}") from error


def restore(built: Built, which: str, say=progress.say) -> Restored:
    """Returns a checkpoint of a run, for use without further training: its optimizer state is left out.

    Raises:
      UsageError: if there is no checkpoint, all are damaged, or its networks are not those of the configuration.
    """
    template = state_shapes(built)
    with Checkpoints(built.path / "checkpoints", say=say) as checkpoints:
        restored = checkpoints.restore_networks(template, which)
    if restored is None:
        raise UsageError(f"{built.path} has no {which} checkpoint yet: train it first")
    hyper = hyper_arrays(dataclasses.asdict(built.config.hyper))
    return restored._replace(state=restored.state.replace(hyper=hyper))


def load_weights(built: Built, options: OpenOptions = DEFAULTS, say=progress.say) -> Opened:
    """Returns a run with the weights of a checkpoint.

    Raises:
      UsageError: see `restore`.
    """
    restored = restore(built, options.checkpoint, say)
    select = averaged if options.ema else current
    variables = select(restored.state, built.objective.player)
    return Opened(built.path, built.config, built.objective, variables, restored.step)


def open_run(run: Path, options: OpenOptions = DEFAULTS, say=progress.say) -> Opened:
    """Returns a run with the weights of a checkpoint.

    Raises:
      UsageError: if the folder, its script or its checkpoint is missing, damaged or not trusted.
    """
    return load_weights(build(run, options, say), options, say)


def require_generative(objective: Objective, advice: str = "see the images in its samples folder") -> Generative:
    """Returns how a run generates images, or raises UsageError, with advice, where it does not."""
    if objective.generative is None:
        raise UsageError(f"this run generates no images; {advice}")
    return objective.generative


def check_label(config: Config, label: int | None) -> None:
    """Raises UsageError for a class that a run does not have; None stands for no class."""
    count = classes(config)
    if label is not None and not count:
        raise UsageError(f"label {label}: the networks of this run have no classes; leave --label out")
    if label is not None and not 0 <= label < count:
        raise UsageError(f"label {label}: this run has {count} classes; give one from 0 to {count - 1}")
