"""A training run as a Python object: what `jaxgen.open_run` and `jaxgen.train` return."""

import base64
import html
import importlib
import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxgen.config.base import Config
from jaxgen.config.configure import configure
from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.evaluation import classification
from jaxgen.fields import require_local_path
from jaxgen.io.conversion import to_unit_range
from jaxgen.restoration.network import Network
from jaxgen.runs import classifying, experiment_copy, reopen, restorer_scoring, scoring
from jaxgen.runs.codes import require_latent
from jaxgen.runs.data.class_names import class_names, find_label
from jaxgen.runs.disk.run_folder import RunFolder, newest
from jaxgen.runs.latents import with_latents
from jaxgen.runs.load import network_of_run
from jaxgen.runs.reopen import Built, Opened, OpenOptions
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import run_path
from jaxgen.runs.train import train as train_config
from jaxgen.training import execute, progress
from jaxgen.training.state import Objective

SHOWN_METRICS = 8
"""Newest metrics in the HTML form."""
MIN_GRID_WIDTH = 480
"""Pixels of the grid of samples in the HTML form, at least."""


class Run:
    """A run folder: its configuration, metrics and trained weights.

    The weights are read when they are first needed.

    Attributes:
      path: the folder.
      config: the configuration, a frozen dataclass.
    """

    def __init__(self, built: Built, options: OpenOptions) -> None:
        """Wraps an open run folder; use `jaxgen.open_run`."""
        self.path, self.config, self._built, self._options = built.path, built.config, built, options

    @cached_property
    def _opened(self) -> Opened:
        return reopen.load_weights(self._built, self._options)

    @property
    def step(self) -> int:
        """The training steps that the weights have seen."""
        return self._opened.step

    @property
    def variables(self) -> Any:
        """The weights of the network that makes images, {"params": …, "stats": …}; `objective` takes them so.

        Flax's variables of the module itself are {"params": variables["params"], **variables["stats"]}.
        """
        return self._opened.variables

    @property
    def objective(self) -> Objective:
        """What the run trains, as pure functions that run in a `jax.jit` of your own; see `Objective`.

        A generator makes images by run.objective.generative.generate(run.variables, latents, None), a restorer by
        run.objective.restoring.restore(run.variables, images).
        """
        return self._built.objective

    @cached_property
    def network(self) -> Network:
        """The run's restorer or detector, which can be called with images; see `jaxgen.load`.

        Raises:
          jaxgen.errors.UsageError: if the run is neither.
        """
        return network_of_run(self._opened)

    def metrics(self, frame: bool | None = None) -> Any:
        """Returns the metrics that were logged, a row for each logged step.

        Args:
          frame: whether as a pandas DataFrame, otherwise as a list of dictionaries; None: a DataFrame where pandas is
            installed.
        """
        by_step: dict[int, dict[str, Any]] = {}
        for line in RunFolder(self.path).history():
            by_step[line["step"]] = by_step.get(line["step"], {}) | line
        rows = list(by_step.values())
        if frame is None:
            frame = importlib.util.find_spec("pandas") is not None
        if not frame:
            return rows
        return importlib.import_module("pandas").DataFrame(rows)

    def sample(
        self,
        count: int = 64,
        seed: int = 0,
        label: int | str | None = None,
        *,
        truncation: float | None = None,
        mixture: int | None = None,
    ) -> np.ndarray:
        """Draws images from a generator.

        Args:
          count: number of images.
          seed: of the latents.
          label: class of all images of a class-conditional generator, a number or a name; None: every class in turn.
          truncation: bound of the latents in standard deviations: fewer odd images, and less variety.
          mixture: draws the codes of a variational autoencoder from so many Gaussians, fitted to those of the training
            images, in place of the prior.
        Returns:
          float32[count, height, width, channels] in [0, 1].
        Raises:
          jaxgen.errors.UsageError: if the run is no generator, or an argument does not fit it.
        """
        if count < 1:
            raise UsageError(f"count is {count}: give at least 1")
        reopen.require_images_fit(self.path, count)
        if truncation is not None and truncation <= 0:
            raise UsageError(f"truncation is {truncation:g}: give more than 0")
        if mixture is not None and mixture < 1:
            raise UsageError(f"mixture is {mixture}: give at least 1")
        return with_latents(self._opened, mixture, truncation)[0].sample(count, seed, find_label(self.path, label))

    def encode(self, images: Any) -> np.ndarray:
        """Encodes images by a variational autoencoder.

        Args:
          images: [n, height, width, channels] of the run's size, uint8 in 0 to 255 or floating point in [0, 1].
        Returns:
          float32[n, latent], the means of the codes' posterior.
        Raises:
          jaxgen.errors.UsageError: if the run has no codes, or the images have another shape or range.
        """
        latent = require_latent(self._built.objective, self.path)
        mean, _ = execute.jit_on_first_device(latent.encode)(self.variables, self._checked(images))
        return np.asarray(mean)

    def _checked(self, images: Any) -> np.ndarray:
        """Returns images of the run's size in [0, 1], or raises UsageError for another shape or range."""
        images = np.asarray(images)
        if images.shape[1:] != self._built.image_shape or not len(images):
            raise UsageError(
                f"images of shape {images.shape}: give [n, {', '.join(map(str, self._built.image_shape))}]"
            )
        return to_unit_range(images, "images")

    @property
    def class_labels(self) -> tuple[str, ...]:
        """What a classifier calls its classes: their names, or their numbers where the data have no names.

        Raises:
          jaxgen.errors.UsageError: if the run is no classifier.
        """
        classifier = classifying.require_classifying(self._built.objective, self.path)
        return classification.class_labels(classifier, class_names(self.path))

    def predict(self, images: Any) -> np.ndarray:
        """Predicts the classes of images by a classifier.

        Args:
          images: [n, height, width, channels] of the run's size, uint8 in 0 to 255 or floating point in [0, 1].
        Returns:
          float32[n, classes], the probability of each of `class_labels`.
        Raises:
          jaxgen.errors.UsageError: if the run is no classifier, or the images have another shape or range.
        """
        classifier = classifying.require_classifying(self._built.objective, self.path)
        images = self._checked(images)
        return classification.predictor(classifier, self.variables)(images)

    def decode(self, codes: Any, labels: Any = None) -> np.ndarray:
        """Generates the images of codes or latents.

        Args:
          codes: float[n, latent].
          labels: int[n], classes of the images of a class-conditional generator; None: every class in turn.
        Returns:
          float32[n, height, width, channels] in [0, 1].
        Raises:
          jaxgen.errors.UsageError: if the run is no generator, the codes have another size, or it has no such classes.
        """
        generative = reopen.require_generative(self._built.objective)
        codes = np.asarray(codes, np.float32)
        if codes.shape[1:] != (generative.latent_size,):
            raise UsageError(f"codes of shape {codes.shape}: give [n, {generative.latent_size}]")
        if labels is None and classes(self.config):
            labels = np.arange(len(codes)) % classes(self.config)
        elif labels is not None:
            labels = np.asarray(labels)
            if labels.shape != codes.shape[:1]:
                raise UsageError(f"labels of shape {labels.shape}: give [{len(codes)}], one for each code")
            for label in np.unique(labels):
                reopen.check_label(self.config, int(label))
        return np.asarray(execute.jit_on_first_device(generative.generate)(self.variables, codes, labels))

    def evaluate(self, *folders: str, likelihood: int | None = None, **options: Any) -> dict[str, Any]:
        """Computes scores, and appends them to RUN/evaluations.jsonl, or to the file `out`.

        Args:
          *folders: of clean images, for a restorer: it is scored by PSNR and SSIM on degraded copies. None: a generator
            is scored by FID, KID, precision, recall and more, a classifier by its accuracy on held-out images.
          likelihood: codes per image by which the likelihood of images under a variational autoencoder is estimated.
          **options: of a generator count, extractor, reference, seed, truncation, mixture; of a classifier count,
            reference; with a likelihood count, chunk_size, reference, seed; of a restorer sigmas, protocols, seed. See
            `jaxgen evaluate --help`.
        Returns:
          {"step", "scores", "protocol", …}.
        Raises:
          jaxgen.errors.UsageError: if the run has no such scores, or an argument does not fit.
        """
        options["options"] = self._options
        if folders:
            return restorer_scoring.evaluate(self.path, folders, **options)
        if likelihood is not None:
            return scoring.evaluate_likelihood(self.path, likelihood, **options)
        if self._built.objective.classifying:
            return classifying.evaluate_classifier(self._built, **options)
        return scoring.evaluate_run(self._built, **options)

    @property
    def restore(self) -> Network:
        """The run's network, as a function of images: run.restore(image, sigma=25).

        Raises:
          jaxgen.errors.UsageError: if the run restores nothing.
        """
        if self._built.objective.restoring is None:
            raise UsageError(f"{self.path}: this run restores nothing")
        return self.network

    def resume(self, steps: int, **options: Any) -> "Run":
        """Trains further.

        Args:
          steps: all steps of the run, those taken so far included.
          **options: other options that a resumed run may change, such as log_every.
        Returns:
          the run with the new weights.
        Raises:
          jaxgen.errors.UsageError: if an option must not change, or the data are not those of before.
        """
        content = reopen.read_config(self.path)
        module = experiment_copy.load_copy(self.path, content, trust=self._options.trust, say=progress.say)
        script = experiment_copy.find_script(module.build)._replace(name=self._experiment())
        config = configure(type(self.config), {"steps": steps, "run": str(self.path), **options}, self.config)
        train_config(config, module.build, script=script)
        return Run(reopen.build(self.path, self._options), self._options)

    def __repr__(self) -> str:
        steps = self._last().get("step", 0)
        return f"<jaxgen run {self.path}: {self._experiment()}, {steps} steps, data {self.config.data.name}>"

    def _repr_html_(self) -> str:
        """Returns the newest grid of samples and the newest metrics, scores and losses first, for notebooks."""
        last = self._last()
        scores_first = lambda name: (not name.startswith("evaluation/"), not name.endswith("/loss"), name)
        names = sorted(last.keys() - {"step", "time"}, key=scores_first)
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{last[name]:.4g}</td></tr>" for name in names[:SHOWN_METRICS]
        )
        title = html.escape(f"{self._experiment()}, step {last.get('step', 0)}, {self.path}")
        return f"<div><p><b>{title}</b></p>{self._newest_grid()}<table>{rows}</table></div>"

    def _experiment(self) -> str:
        return reopen.read_config(self.path)["experiment"]["name"]

    def _last(self) -> dict[str, Any]:
        return newest(RunFolder(self.path).history())

    def _newest_grid(self) -> str:
        """Returns the newest grid in the run's samples folder as an HTML image, or nothing where there is none."""
        grids = sorted((self.path / "samples").glob("*-[0-9]*.png"), key=lambda file: file.stem[-8:])
        if not grids:
            return ""
        content = grids[-1].read_bytes()
        # A PNG's width stands in its bytes 16 to 19; grids of small images are enlarged.
        width = max(int.from_bytes(content[16:20], "big"), MIN_GRID_WIDTH)
        data = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        return f'<img alt="{html.escape(grids[-1].stem)}" src="{data}" width="{width}" style="max-width:100%">'


def open_run(
    path: str | Path,
    *,
    checkpoint: Literal["last", "best"] = "last",
    ema: bool = True,
    trust: bool = False,
    data_dir: str | Path = "",
) -> Run:
    """Opens a run folder.

    Args:
      path: the folder.
      checkpoint: whose weights are used.
      ema: whether the moving average of the weights is used, or those of that step.
      trust: whether to execute the run's experiment.py although it is none of the installed experiments.
      data_dir: folder of the run's data, where it has moved.
    Raises:
      jaxgen.errors.UsageError: if the folder holds no run, or it is damaged or not trusted.
    """
    if checkpoint not in {"last", "best"}:
        raise UsageError(f"checkpoint is {checkpoint!r}: give 'last' or 'best'")
    require_local_path(path, "path")
    options = OpenOptions(checkpoint, ema, trust, str(data_dir))
    return Run(reopen.build(Path(path), options), options)


def train(experiment: str, *, run: str | Path = "", resume: bool = True, **options: Any) -> Run:
    """Trains an experiment in this process, or resumes it from its run folder.

    Args:
      experiment: its name, or the path of an experiment script. ./experiments/NAME.py wins over an installed one.
      run: the run folder; empty: runs/NAME.
      resume: whether a run that is in the folder already is continued; otherwise it is refused.
      **options: the options of `jaxgen train EXPERIMENT --help` with underscores. Groups are mappings:
        data={"name": "mnist", "dir": "…"}, hyper={"learning_rate": 1e-4}.
    Returns:
      the run.
    Raises:
      jaxgen.errors.UsageError: if an option must be corrected.
      jaxgen.training.stopping.NonFiniteError: if a metric or the state became NaN or infinite.
    """
    module = load_script(experiment)
    config: Config = configure(module.Config, {"run": str(run), **options})
    script = experiment_copy.find_script(module.build)
    path = run_path(config, script)
    if not resume and (path / "config.json").exists():
        raise UsageError(f"{path} holds a run already: give another folder by run=, or leave resume out")
    train_config(config, module.build)
    trusted = OpenOptions(trust=True)  # It is the script that has just been executed.
    return Run(reopen.build(path, trusted), trusted)
