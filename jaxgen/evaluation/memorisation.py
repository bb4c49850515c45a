"""Whether generated images are copies: the nearest training images, and how much nearer they are than held-out ones."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgen.data.dataset import Dataset
from jaxgen.evaluation.features import Features
from jaxgen.metrics.neighbours import nearer_share, nearest
from jaxgen.objectives.codes import rows_of_pairs

SLAB = 2000
"""Training images that are looked at together."""
LOOKED_AT = 60_000
"""Images of a split at most that samples are held against."""
NUMBERS = 2**28
"""Pixels of a split at most that samples are held against: 1 GiB."""
LEVELS = 255
MARGIN = 0.5
"""Share of copies from which on they are called memorisation. Where the splits differ, as those of MNIST by their
writers, what is alike to the training split seems copied in part: 0.2 to 0.25 of what short trainings draw there."""
ADVICE = (
    "generated images lie nearer to training images than real ones do: the run copies what it was trained on; look at "
    "the grid of nearest training images, train for fewer steps, or use more data or --augment color translation cutout"
)


class Memorisation(NamedTuple):
    """What tells copies from new images.

    Attributes:
      nearer: the share of generated images that lie nearer to a training image than to any held-out one.
      real: the same of other held-out images, which nothing has copied.
      generated: images that were judged.
      training: images that were searched for what they are copies of.
      held_out: images that neither was trained on; as many others, or one more, stand for real ones.
    """

    nearer: float
    real: float
    generated: int
    training: int
    held_out: int

    @property
    def copied(self) -> float:
        """The share of copies c among the generated images: of copies all are nearer, of others as many as of real."""
        return (self.nearer - self.real) / (1 - self.real) if self.real < 1 else 0.0

    @property
    def copies(self) -> bool:
        """Whether the copies are more than the margin, and more are nearer than chance gives: three standard errors."""
        variance = self.real * (1 - self.real) * (1 / self.generated + 1 / self.held_out)
        return self.copied > MARGIN and self.nearer - self.real > 3 * variance**0.5


def memorisation(generated: Features, training: Features, held_out: Features) -> Memorisation | None:
    """Returns how much nearer generated images are to training images than to held-out ones; None without two of those.

    Args:
      generated: of the images that are judged.
      training: of the images that the generator was trained on: all of them, or copies of the others are not found.
      held_out: of images that it was not.
    """
    trained, unseen = training.features, held_out.features
    half = len(unseen) // 2
    if not half:
        return None
    return Memorisation(
        nearer=float(nearer_share(generated.features, trained, unseen[:half])),
        real=float(nearer_share(unseen[half:], trained, unseen[:half])),
        generated=len(generated.features),
        training=len(trained),
        held_out=half,
    )


def describe(samples: np.ndarray, training: Dataset, held_out: Dataset) -> str:
    """Returns how far the nearest training and held-out images are by their pixels, and whether samples are copies.

    Args:
      samples: float[n, h, w, c] in [0, 1].
      training: what the generator was trained on.
      held_out: images of the same kind that it was not.
    """
    pixels = lambda images: Features(images.reshape(len(images), -1), np.zeros((len(images), 1)), None)
    most = min(LOOKED_AT, NUMBERS // samples[0].size)
    stored = [np.asarray(x.arrays["image"][:most], np.float32) / LEVELS for x in (training, held_out)]
    trained, unseen = (np.sqrt(nearest(pixels(samples)[0], pixels(x)[0])[0]) for x in stored)
    away = f"away by pixels, in the median: nearest training image {np.median(trained):.3g}, "
    away += f"nearest held-out one {np.median(unseen):.3g}"
    found = memorisation(pixels(np.asarray(samples)), *map(pixels, stored))
    return f"{away}\nwarning: {ADVICE}" if found and found.copies else away


def beside_nearest(samples: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Returns rows of samples[n, h, w, c], each above the row of their nearest training images; see below for None."""
    near = nearest_training(samples, dataset)
    return None if near is None else np.asarray(rows_of_pairs(samples, near))


def nearest_training(samples: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Returns the training image that is nearest to each sample by its pixels, float32[n, h, w, c] in [0, 1].

    Args:
      samples: float[n, h, w, c] in [0, 1].
      dataset: the training images.
    Returns:
      None where the images are not in memory, or are cropped or composed only when a batch is made.
    """
    stored = dataset.arrays.get("image")
    if stored is None or dataset.stack > 1 or stored.shape[1:] != samples.shape[1:]:
        return None
    rows = jnp.asarray(samples).reshape(len(samples), -1)
    best, which = np.full(len(samples), np.inf), np.zeros(len(samples), int)
    for start in range(0, len(stored), SLAB):
        slab = stored[start : start + SLAB].reshape(-1, rows.shape[1]).astype(np.float32) / LEVELS
        distance, index = map(np.asarray, nearest(rows, slab))
        nearer = distance < best
        best, which = np.where(nearer, distance, best), np.where(nearer, start + index, which)
    return stored[which].astype(np.float32) / LEVELS
