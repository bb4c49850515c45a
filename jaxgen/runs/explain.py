"""What a run's classifier or discriminator looks at: from a run folder to a picture."""

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
from jaxgen.models.features.attribution import grad_cam, last_maps, saliency
from jaxgen.restoration.files import list_photographs, make_writable_folder
from jaxgen.runs import reopen
from jaxgen.runs.codes import read
from jaxgen.runs.reopen import DEFAULTS, OpenOptions, check_label
from jaxgen.training import progress
from jaxgen.training.state import Objective, TrainState

COUNT = 16
BRIGHTEST = 99.0  # percentile of a saliency map that is shown white: a few pixels outshine the others
HEAT = np.array([[0.0, 0.0, 0.35], [0.0, 0.55, 0.9], [0.95, 0.95, 0.2], [0.9, 0.05, 0.0]], np.float32)
"""Colours from nothing to the most."""


class Explained(NamedTuple):
    """What a network looks at.

    Attributes:
      images: float32[n, h, w, c] in [0, 1].
      scores: float32[n]: the logit of the class that is named, or how real an image looks, as one of its class
        where the discriminator is told it.
      saliency: float32[n, h, w], see `attribution.saliency`.
      places: float32[n, h, w] in [0, 1], see `attribution.grad_cam`; zeros where the network has no maps.
    """

    images: np.ndarray
    scores: np.ndarray
    saliency: np.ndarray
    places: np.ndarray


def explain(
    objective: Objective, state: TrainState, pictures: np.ndarray, labels: np.ndarray | None = None
) -> Explained:
    """Returns what an objective's classifier or discriminator looks at in pictures.

    Args:
      objective: with `discriminating`.
      state: as it was trained.
      pictures: float32[n, h, w, c] in [0, 1].
      labels: int32[n], the classes that a conditional discriminator judges them as; None: it is told none.
    Raises:
      UsageError: if the objective judges nothing.
    """
    discriminating = objective.discriminating
    if discriminating is None:
        raise UsageError("this run judges no pictures: only classifiers and GANs do")
    given = jnp.asarray(pictures)

    @jax.jit
    def look(state: TrainState, given: jax.Array, labels: jax.Array | None) -> tuple[jax.Array, ...]:
        score = lambda pictures: discriminating.score(state, pictures, labels)
        try:
            places = grad_cam(score, given, last_maps(score, given))
        except ValueError:  # a network of dense layers has no places
            places = jnp.zeros(given.shape[:3])
        return score(given), saliency(score, given), places

    return Explained(pictures, *(np.asarray(x) for x in look(state, given, labels)))


def heat(places: np.ndarray) -> np.ndarray:
    """Returns colours of values in [0, 1], float32[..., 3]."""
    stops = np.linspace(0, 1, len(HEAT))
    return np.stack([np.interp(places, stops, HEAT[:, i]) for i in range(3)], -1).astype(np.float32)


def as_rows(found: Explained) -> np.ndarray:
    """Returns a row for each picture: itself, its saliency, its places laid over it; float32[n, 3, h, w, 3]."""
    colour = np.broadcast_to(found.images, (*found.images.shape[:3], 3))
    bright = np.percentile(found.saliency, BRIGHTEST, (1, 2), keepdims=True)
    shown = np.clip(found.saliency / np.maximum(bright, 1e-12), 0, 1)[..., None].repeat(3, -1)
    return np.stack([colour, shown, 0.45 * colour + 0.55 * heat(found.places)], 1)


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
    """Writes what a run's network looks at and returns what happened, in one line.

    Args:
      run: folder of a classifier's or a GAN's run.
      paths: of pictures and of folders of pictures; none: held-out images of the run's data.
      count: how many held-out images.
      label: the class that a conditional discriminator judges all of them as; None: held-out images as their own.
      out: the picture to write; None: RUN/samples/step-STEP-explained.png.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run judges nothing or cannot be opened, a picture cannot be read, or its class must be told and
        is not, or is told and must not be.
    """
    built = reopen.build(run, options, say)
    check_label(built.config, label)
    labels = None
    if paths and classes(built.config) and label is None:
        raise UsageError(f"{run}: this discriminator is told a picture's class; give that of the pictures with --label")
    if paths:
        files = [file for path in paths for file in list_photographs(path, ())]
        pictures = np.stack([read(file, built.config.data) for file in files])
    else:
        dataset = load_split(built.config.data, "test")
        batch = dataset.batch(ORDER_SEED, 0, min(count, len(dataset)))
        pictures = np.asarray(batch["image"])
        labels = np.asarray(batch["label"]) if classes(built.config) else None
    if label is not None:
        labels = np.full(len(pictures), label, np.int32)
    restored = reopen.restore(built, options.checkpoint, say)
    found = explain(built.objective, restored.state, pictures, labels)
    out = out or run / "samples" / f"step-{restored.step:08d}-explained.png"
    make_writable_folder(out.parent)
    rows = as_rows(found)
    images.write(out, images.grid(rows))
    scores = ", ".join(f"{score:.2f}" for score in found.scores[:8])
    told = "" if found.places.any() else "; this network has no maps, so no places"
    return f"{out}  picture, saliency, places; scores {scores}{', …' if len(found.scores) > 8 else ''}{told}"
