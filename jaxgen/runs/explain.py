"""Explains the scores of a run's classifier or discriminator by saliency maps and Grad-CAM."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.evaluation.features import ORDER_SEED
from jaxgen.evaluation.report import load_split
from jaxgen.io import images
from jaxgen.models.features.attribution import grad_cam, last_feature_map, saliency
from jaxgen.restoration.folders import list_images
from jaxgen.restoration.plans import make_writable_folder
from jaxgen.runs import reopen
from jaxgen.runs.codes import read_images
from jaxgen.runs.reopen import DEFAULTS, OpenOptions, check_label
from jaxgen.training import progress
from jaxgen.training.state import Objective, TrainState

COUNT = 16
WHITE_PERCENTILE = 99.0
"""Percentile of a saliency map that is shown white: a few pixels exceed all others by far."""
COLORMAP = np.array([[0.0, 0.0, 0.35], [0.0, 0.55, 0.9], [0.95, 0.95, 0.2], [0.9, 0.05, 0.0]], np.float32)
"""Colors from 0 to 1, evenly spaced."""


class Explanation(NamedTuple):
    """Scores of images with the pixels and regions that they depend on.

    Attributes:
      images: float32[n, h, w, c] in [0, 1].
      scores: float32[n], see `Discriminating.score`.
      saliency: float32[n, h, w], see `attribution.saliency`.
      grad_cam: float32[n, h, w] in [0, 1], see `attribution.grad_cam`; zeros for networks without feature maps.
    """

    images: np.ndarray
    scores: np.ndarray
    saliency: np.ndarray
    grad_cam: np.ndarray


def explain(
    objective: Objective, state: TrainState, images: np.ndarray, labels: np.ndarray | None = None
) -> Explanation:
    """Computes saliency and Grad-CAM of the scores of a classifier or discriminator.

    Args:
      objective: an objective with `discriminating`.
      state: the trained state.
      images: float32[n, h, w, c] in [0, 1].
      labels: int32[n], the classes of images for a conditional discriminator; None: it is unconditional.
    Raises:
      UsageError: if the objective has neither classifier nor discriminator.
    """
    discriminating = objective.discriminating
    if discriminating is None:
        raise UsageError("this run scores no images: only classifiers and GANs do")

    @jax.jit
    def compute(state: TrainState, images: jax.Array, labels: jax.Array | None) -> tuple[jax.Array, ...]:
        score = lambda images: discriminating.score(state, images, labels)
        try:
            maps = grad_cam(score, images, last_feature_map(score, images))
        except ValueError:  # a network of dense layers has no feature maps
            maps = jnp.zeros(images.shape[:3])
        return score(images), saliency(score, images), maps

    return Explanation(images, *(np.asarray(x) for x in compute(state, jnp.asarray(images), labels)))


def colorize(values: np.ndarray) -> np.ndarray:
    """Maps values in [0, 1] to colors, float32[..., 3]."""
    stops = np.linspace(0, 1, len(COLORMAP))
    return np.stack([np.interp(values, stops, COLORMAP[:, i]) for i in range(3)], -1).astype(np.float32)


def to_rows(explanation: Explanation) -> np.ndarray:
    """Returns for each image: itself, its saliency map, Grad-CAM over the image; float32[n, 3, h, w, 3]."""
    rgb = np.broadcast_to(explanation.images, (*explanation.images.shape[:3], 3))
    white = np.percentile(explanation.saliency, WHITE_PERCENTILE, (1, 2), keepdims=True)
    gray = np.clip(explanation.saliency / np.maximum(white, 1e-12), 0, 1)[..., None].repeat(3, -1)
    return np.stack([rgb, gray, 0.45 * rgb + 0.55 * colorize(explanation.grad_cam)], 1)


def explain_run(
    run: Path,
    paths: Sequence[Path] = (),
    *,
    count: int = COUNT,
    label: int | None = None,
    out: Path | None = None,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> str:
    """Writes the explanation of a run's scores to an image file, and returns one line about it.

    Args:
      run: run folder of a classifier or a GAN.
      paths: images and folders of images; none: images of the run's test split.
      count: number of images of the test split.
      label: class of all images for a conditional discriminator; None: the labels of the test split.
      out: the file to write; None: RUN/samples/step-STEP-explained.png.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run cannot be opened or scores no images, an image cannot be read, or a class is missing or
        set for an unconditional run.
    """
    built = reopen.build(run, options, say)
    check_label(built.config, label)
    labels = None
    if paths and classes(built.config) and label is None:
        raise UsageError(f"{run}: this discriminator is conditional; give the class of the images with --label")
    if paths:
        files = [file for path in paths for file in list_images(path)]
        inputs = read_images(files, built)
    else:
        dataset = load_split(built.config.data, "test")
        batch = dataset.batch(ORDER_SEED, 0, min(count, len(dataset)))
        inputs = np.asarray(batch["image"])
        labels = np.asarray(batch["label"]) if classes(built.config) else None
    if label is not None:
        labels = np.full(len(inputs), label, np.int32)
    restored = reopen.restore(built, options.checkpoint, say)
    explanation = explain(built.objective, restored.state, inputs, labels)
    out = out or run / "samples" / f"step-{restored.step:08d}-explained.png"
    make_writable_folder(out.parent)
    images.write(out, images.grid(to_rows(explanation)))
    scores = ", ".join(f"{score:.2f}" for score in explanation.scores[:8])
    more = ", …" if len(explanation.scores) > 8 else ""
    missing = "" if explanation.grad_cam.any() else "; no Grad-CAM, as this network has no feature maps"
    return f"{out}  image, saliency, Grad-CAM; scores {scores}{more}{missing}"
