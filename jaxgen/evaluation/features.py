"""Features of many images, a batch at a time: the distances need them all, and memory holds only a batch of images."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from jaxgen.data.dataset import Dataset
from jaxgen.metrics.distribution import require_finite
from jaxgen.step.state import PyTree
from jaxgen.training import execute

BATCH = 500


class Extractor(NamedTuple):
    """A network whose features tell images apart.

    Attributes:
      name: as in "classifier of mnist" or "InceptionV3".
      prefix: of the scores' names: "c" where the network is a classifier of our own, so that nobody takes cFID for FID.
      sha256: of its weights.
      features: images float[b, h, w, c] in [0, 1] -> (features float[b, d], class probabilities float[b, k]).
      resize: how images come to the network's size, in words.
      read: images -> class numbers int[b], where coverage of modes is asked for; `modes` says how many there are.
      modes: how many classes `read` knows; 0 where there is no `read`.
      batch: images at a time.
    """

    name: str
    prefix: str
    sha256: str
    features: Callable[[Array], tuple[Array, Array]]
    resize: str
    read: Callable[[Array], Array] | None = None
    modes: int = 0
    batch: int = BATCH


class Features(NamedTuple):
    """What an extractor says of a set of images.

    Attributes:
      features: float32[n, d].
      probabilities: float32[n, classes].
      modes: int[n], or None.
    """

    features: np.ndarray
    probabilities: np.ndarray
    modes: np.ndarray | None


def dataset_batches(dataset: Dataset, count: int, batch: int) -> Iterator[Array]:
    """Yields the first `count` images of a data set's own order, in batches, none of them twice."""
    for step in range(-(-count // batch)):
        yield dataset.batch(0, step, batch)["image"][: count - step * batch]


def sample_batches(
    sample: Callable[[PyTree, Array, int], Array], variables: PyTree, seed: int, count: int, batch: int
) -> Iterator[Array]:
    """Yields `count` generated images in batches, each batch from a key of its own."""
    draw = execute.once(sample, static_argnums=2)
    for step in range(-(-count // batch)):
        key = jax.random.fold_in(jax.random.key(seed), step)
        yield draw(variables, key, batch)[: count - step * batch]


def extract(extractor: Extractor, batches: Iterator[Array]) -> Features:
    """Returns the features of all images of the batches.

    Raises:
      ValueError: if a batch's features are not finite; it says which.
    """

    @jax.jit
    def look(images: Array) -> tuple:
        return (*extractor.features(images), extractor.read(images) if extractor.read else None)

    parts = [jax.device_get(look(images)) for images in batches]
    features, probabilities, modes = zip(*parts, strict=True)
    joined = np.concatenate(features)
    require_finite(joined, len(features[0]))
    return Features(joined, np.concatenate(probabilities), np.concatenate(modes) if extractor.read else None)
