"""Memorization: whether generated images are copies of training images, and the nearest training images."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgen.data.dataset import Dataset
from jaxgen.evaluation.features import Features
from jaxgen.metrics.neighbours import nearer_fraction, nearest
from jaxgen.objectives.codes import rows_of_pairs

CHUNK = 2000
"""Training images whose distances are computed at the same time."""
MAX_IMAGES = 60_000
"""Most images of a split that generated images are compared with."""
MAX_PIXELS = 2**28
"""Most pixel values of a split that generated images are compared with: 1 GiB."""
MAX_LEVEL = 255
MIN_COPIED = 0.5
"""Fraction of copies above which a warning is given. If the splits have different distributions, as those of MNIST with
their different writers, generated images seem copied in part: 0.2 to 0.25 after short trainings there."""
ADVICE = (
    "generated images are nearer to training images than real images are, so the run copies its training images: look "
    "at nearest.png, train for fewer steps, or use more data or --augment color translation cutout"
)


class Memorisation(NamedTuple):
    """How much nearer generated images are to training images than to held-out images.

    Attributes:
      nearer: fraction of generated images that are nearer to a training image than to any held-out image.
      real: the same fraction of other held-out images, which are no copies.
      generated: number of generated images.
      training: number of training images.
      held_out: number of held-out images; as many others, or one more, are the real images.
    """

    nearer: float
    real: float
    generated: int
    training: int
    held_out: int

    @property
    def copied(self) -> float:
        """Fraction of copies: all copies are nearer, and of the other images as many as of real ones."""
        return (self.nearer - self.real) / (1 - self.real) if self.real < 1 else 0.0

    @property
    def copies(self) -> bool:
        """Whether the fraction of copies exceeds `MIN_COPIED`, and significantly so (three standard errors)."""
        variance = self.real * (1 - self.real) * (1 / self.generated + 1 / self.held_out)
        return self.copied > MIN_COPIED and self.nearer - self.real > 3 * variance**0.5


def memorisation(generated: Features, training: Features, held_out: Features) -> Memorisation | None:
    """Compares distances to training and to held-out images; None if there are less than two held-out images.

    Args:
      generated: features of generated images.
      training: features of the training images: all of them, because copies of missing ones are not detected.
      held_out: features of images of the same distribution that were not trained on.
    """
    unseen = held_out.features
    half = len(unseen) // 2
    if not half:
        return None
    return Memorisation(
        nearer=float(nearer_fraction(generated.features, training.features, unseen[:half])),
        real=float(nearer_fraction(unseen[half:], training.features, unseen[:half])),
        generated=len(generated.features),
        training=len(training.features),
        held_out=half,
    )


def describe(samples: np.ndarray, training: Dataset, held_out: Dataset) -> str:
    """Describes the pixel distances to the nearest training and held-out images, and warns of copies.

    Args:
      samples: generated images, float[n, h, w, c] in [0, 1].
      training: the training images.
      held_out: images of the same distribution that were not trained on.
    """
    pixels = lambda images: Features(images.reshape(len(images), -1), np.zeros((len(images), 1)), None)
    limit = min(MAX_IMAGES, MAX_PIXELS // samples[0].size)
    real = [np.asarray(x.arrays["image"][:limit], np.float32) / MAX_LEVEL for x in (training, held_out)]
    distances = [np.sqrt(nearest(pixels(samples).features, pixels(x).features)[0]) for x in real]
    text = "median pixel distance: {:.3g} to the nearest training image, {:.3g} to the nearest held-out image"
    text = text.format(*map(np.median, distances))
    result = memorisation(pixels(np.asarray(samples)), *map(pixels, real))
    return f"{text}\nwarning: {ADVICE}" if result and result.copies else text


def rows_with_nearest(samples: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Returns rows of images[n, h, w, c], each above the nearest training images; None as in `nearest_training`."""
    training = nearest_training(samples, dataset)
    return None if training is None else np.asarray(rows_of_pairs(jnp.asarray(samples), jnp.asarray(training)))


def nearest_training(samples: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Returns the training image with the smallest pixel distance to each sample, float32[n, h, w, c] in [0, 1].

    Args:
      samples: float[n, h, w, c] in [0, 1].
      dataset: the training images.
    Returns:
      None if the images are not in memory, or are cropped or composed when a batch is made.
    """
    stored = dataset.arrays.get("image")
    if stored is None or dataset.stack > 1 or stored.shape[1:] != samples.shape[1:]:
        return None
    rows = jnp.asarray(samples).reshape(len(samples), -1)
    smallest, indices = np.full(len(samples), np.inf), np.zeros(len(samples), int)
    for start in range(0, len(stored), CHUNK):
        chunk = stored[start : start + CHUNK].reshape(-1, rows.shape[1]).astype(np.float32) / MAX_LEVEL
        distance, index = map(np.asarray, nearest(rows, chunk))
        nearer = distance < smallest
        smallest, indices = np.where(nearer, distance, smallest), np.where(nearer, start + index, indices)
    return stored[indices].astype(np.float32) / MAX_LEVEL
