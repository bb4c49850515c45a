"""Features of real and of generated images, computed batch by batch."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.data.dataset import Dataset
from jaxgen.data.transforms import GRAY_LEVEL
from jaxgen.errors import UsageError
from jaxgen.metrics.distribution import require_finite
from jaxgen.training import execute
from jaxgen.training.state import Batch, PyTree

BATCH = 500
GREY_LEVELS = 256
ORDER_SEED = 0
"""Seed of the order of real images, so that every run is compared with the same ones."""

Network = Literal["InceptionV3", "classifier", "DINOv2", "CLIP"]
"""A kind of feature network."""
Sample = Callable[..., Array]
"""(variables, key, count) -> images, and (variables, key, count, labels) -> images for a conditional generator."""
Restore = Callable[[np.ndarray], np.ndarray]
"""images[n, height, width, channel] in [0, 1] -> restored images of the same shape."""


class Extractor(NamedTuple):
    """A feature network.

    Attributes:
      name: as in "classifier of mnist" or "InceptionV3".
      network: its kind; see `scores.NAMES`.
      sha256: of its weights.
      variables: its weights, on the device.
      features: (variables, images float[b, h, w, c] in [0, 1]) -> (features float[b, d], class probabilities
        float[b, k], k = 0 for a network without classes).
      resize: how images are resized to the network's size.
      modes: number of modes of the data, which are its classes; 0: its classes are no modes.
      batch: images in a batch.
    """

    name: str
    network: Network
    sha256: str
    variables: PyTree
    features: Callable[[PyTree, Array], tuple[Array, Array]]
    resize: str
    modes: int = 0
    batch: int = BATCH


class Features(NamedTuple):
    """Features of a set of images.

    Attributes:
      features: float32[n, d].
      probabilities: float32[n, classes].
      labels: int32[n]; None for unlabeled and for generated images.
    """

    features: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray | None


def dataset_batches(dataset: Dataset, count: int, batch: int) -> Iterator[Batch]:
    """Yields the first `count` examples of a data set in a fixed order, each once."""
    for step in range(-(-count // batch)):
        examples = dataset.batch(ORDER_SEED, step, batch)
        yield {name: x[: count - step * batch] for name, x in examples.items()}


def quantize(images: Array) -> Array:
    """Rounds images to 256 grey levels, as real images are stored and as image files are written."""
    return jnp.rint(images * (GREY_LEVELS - 1)) * GRAY_LEVEL


def sample_batches(
    sample: Sample, variables: PyTree, seed: int, count: int, batch: int, labels: np.ndarray | None = None
) -> Iterator[Batch]:
    """Yields `count` generated images in 256 grey levels.

    Args:
      sample: the objective's.
      variables: of the generator.
      seed: of the latents; each batch has its own key.
      count: number of images.
      batch: images in a batch.
      labels: int32[n], the labels of a conditional generator's images in order, repeated from the first; None: the
        generator takes no labels.
    """
    draw = execute.jit_on_first_device(sample, static_argnums=2)
    for step in range(-(-count // batch)):
        key = jax.random.fold_in(jax.random.key(seed), step)
        conditioning = ()
        if labels is not None:
            conditioning = (np.take(labels, range(step * batch, (step + 1) * batch), mode="wrap"),)
        yield {"image": quantize(draw(variables, key, batch, *conditioning))[: count - step * batch]}


def restored_batches(batches: Iterable[Batch], restore: Restore) -> Iterator[Batch]:
    """Yields batches of restored images in 256 grey levels.

    Args:
      batches: of images.
      restore: restores the images of a batch.
    """
    for batch in batches:
        yield batch | {"image": quantize(jnp.clip(restore(np.asarray(batch["image"])), 0, 1))}


def extract(extractor: Extractor, batches: Iterable[Batch], name: str) -> Features:
    """Computes the features of all images in the batches.

    The network is compiled once for an extractor and a batch shape, however often this is called.

    Args:
      extractor: the feature network.
      batches: of images, and of their labels if there are any.
      name: of the images in the error message.
    Raises:
      UsageError: if features are not finite; it names the batch.
    """
    # Compiled programs are cached by function, so this must be the extractor's own and not a closure.
    compute = execute.jit_on_first_device(extractor.features)
    outputs, labels = [], []
    for batch in batches:
        outputs.append(jax.device_get(compute(extractor.variables, batch["image"])))
        labels.append(jax.device_get(batch.get("label")))
    features, probabilities = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
    try:
        require_finite(features, len(outputs[0][0]))
    except ValueError as error:
        raise UsageError(f"{name} images: {error}") from None
    return Features(features, probabilities, None if labels[0] is None else np.concatenate(labels))
