"""Features of many images, a batch at a time: the distances need them all, and memory holds only a batch of images."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.data.dataset import Dataset
from jaxgen.data.transforms import GREY_LEVEL
from jaxgen.errors import UsageError
from jaxgen.metrics.distribution import require_finite
from jaxgen.training import execute
from jaxgen.training.state import Batch, PyTree

BATCH = 500
GREY_LEVELS = 256
# Of the order in which real images are taken, whatever the order of training: every run is held against the same ones.
ORDER_SEED = 0

Sample = Callable[..., Array]
"""An objective's: (variables, key, count) -> images, and with classes (variables, key, count, labels)."""
Restore = Callable[[np.ndarray], np.ndarray]
"""From images[n, height, width, channel] in [0, 1] to the same without their damage."""


class Extractor(NamedTuple):
    """A network whose features tell images apart.

    Attributes:
      name: as in "classifier of mnist" or "InceptionV3".
      prefix: of the scores' names: "c" where the network is a classifier of our own, so that nobody takes cFID for FID.
      sha256: of its weights.
      variables: its weights, on the device.
      features: (variables, images float[b, h, w, c] in [0, 1]) -> (features float[b, d], class probabilities
        float[b, k]).
      resize: how images come to the network's size, in words.
      modes: how many modes of the data its classes are; 0 where they are none.
      batch: images at a time.
    """

    name: str
    prefix: str
    sha256: str
    variables: PyTree
    features: Callable[[PyTree, Array], tuple[Array, Array]]
    resize: str
    modes: int = 0
    batch: int = BATCH


class Features(NamedTuple):
    """What an extractor says of a set of images.

    Attributes:
      features: float32[n, d].
      probabilities: float32[n, classes].
      labels: int32[n], what the data set says of them; None where it says nothing, as of generated images.
    """

    features: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray | None


def dataset_batches(dataset: Dataset, count: int, batch: int) -> Iterator[Batch]:
    """Yields the first `count` examples of a data set in a fixed order, in batches, none of them twice."""
    for step in range(-(-count // batch)):
        whole = dataset.batch(ORDER_SEED, step, batch)
        yield {name: x[: count - step * batch] for name, x in whole.items()}


def quantised(images: Array) -> Array:
    """Returns images at the nearest of 256 grey levels, as real ones are stored and as pictures are written."""
    return jnp.rint(images * (GREY_LEVELS - 1)) * GREY_LEVEL


def sample_batches(
    sample: Sample, variables: PyTree, seed: int, count: int, batch: int, labels: np.ndarray | None = None
) -> Iterator[Batch]:
    """Yields `count` generated images in batches, each batch from a key of its own, in 256 grey levels.

    Args:
      sample: the objective's.
      variables: of the generator.
      seed: of the latents.
      count: how many images.
      batch: how many at a time.
      labels: int32[n], the classes of a conditional generator's images, one after the other and then from the first
        again; None where there are no classes.
    """
    draw = execute.jit_on_first_device(sample, static_argnums=2)
    for step in range(-(-count // batch)):
        key = jax.random.fold_in(jax.random.key(seed), step)
        told = () if labels is None else (np.take(labels, range(step * batch, (step + 1) * batch), mode="wrap"),)
        yield {"image": quantised(draw(variables, key, batch, *told))[: count - step * batch]}


def restored_batches(batches: Iterable[Batch], restore: Restore) -> Iterator[Batch]:
    """Yields batches of images that were restored, in 256 grey levels.

    Args:
      batches: of images.
      restore: from float32[n, height, width, channel] to the same, both in [0, 1].
    """
    for batch in batches:
        yield batch | {"image": quantised(jnp.clip(restore(np.asarray(batch["image"])), 0, 1))}


def extract(extractor: Extractor, batches: Iterable[Batch], what: str) -> Features:
    """Returns the features of all images of the batches.

    The network is compiled once for an extractor and a shape of batches, however often this is called.

    Args:
      extractor: the network.
      batches: of images, and of labels where there are any.
      what: which images these are, in words, for the error.
    Raises:
      UsageError: if a batch's features are not finite; it says which.
    """
    # Compiled programs are known by their function: the extractor's own, never one that is made here.
    look = execute.jit_on_first_device(extractor.features)
    found, labels = [], []
    for batch in batches:
        found.append(jax.device_get(look(extractor.variables, batch["image"])))
        labels.append(jax.device_get(batch.get("label")))
    features, probabilities = (np.concatenate(parts) for parts in zip(*found, strict=True))
    try:
        require_finite(features, len(found[0][0]))
    except ValueError as error:
        raise UsageError(f"{what} images: {error}") from None
    return Features(features, probabilities, None if labels[0] is None else np.concatenate(labels))
