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
LEVELS = 255
MARGIN = 0.1
"""By how much the share must exceed that of real images before it is called memorisation."""
ADVICE = (
    "generated images lie nearer to training images than real ones do: the run copies what it was trained on; look at "
    "the grid of nearest training images, train for fewer steps, or use more data or --augment color translation cutout"
)


class Memorisation(NamedTuple):
    """What tells copies from new images.

    Attributes:
      nearer: the share of generated images that lie nearer to a training image than to any held-out one.
      real: the same of held-out images, which nothing has copied.
      images: training images, and as many held-out ones, that were compared.
    """

    nearer: float
    real: float
    images: int

    @property
    def copies(self) -> bool:
        """Whether the generated images are nearer by more than chance and the margin."""
        return self.nearer - self.real > MARGIN + 3 * 0.5 / self.images**0.5


def memorisation(generated: Features, training: Features, held_out: Features) -> Memorisation:
    """Returns how much nearer generated images are to training images than to held-out ones.

    Args:
      generated: of the images that are judged.
      training: of images that the generator was trained on.
      held_out: of images that it was not.
    """
    count = min(len(training.features), len(held_out.features))
    trained, unseen = training.features[:count], held_out.features[:count]
    half = max(count // 2, 1)
    return Memorisation(
        nearer=float(nearer_share(generated.features, trained, unseen)),
        real=float(nearer_share(unseen[half:], trained[:half], unseen[:half])) if count > 1 else float("nan"),
        images=count,
    )


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
