"""Classifiers that are installed with jaxgen: feature networks for three data sets.

Distances between their features are called cFID and cKID and never FID, because they are not comparable with published
values. `scripts/results classifiers` trains them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import unknown
from jaxgen.io import weights
from jaxgen.models.features.classifier import Classifier

FOLDER = Path(__file__).parent

PyTree = Any
ClassifierFunction = Callable[[PyTree, Array], tuple[Array, Array]]
"""(variables, images) -> (features, logits)."""


class ModelCard(NamedTuple):
    """The description of a shipped classifier.

    Attributes:
      sha256: of its file.
      size: height and width of its images in pixels.
      channels: of its images.
      classes: number of classes.
      accuracy: on the whole test split, in [0, 1].
      data: the data set that it was trained on.
      terms: the terms under which the data set is published.
      command: that trained it.
    """

    sha256: str
    size: int
    channels: int
    classes: int
    accuracy: float
    data: str
    terms: str
    command: str


class ShippedClassifier(NamedTuple):
    """A shipped classifier.

    Attributes:
      apply: (variables, images float[b, 28, 28, 1] in [0, 1]) -> (features float[b, 64], logits float[b, 10]), a pure
        function. It raises ValueError for images of another size or number of channels.
      variables: its weights, on the device.
      card: its description.
    """

    apply: ClassifierFunction
    variables: PyTree
    card: ModelCard


CLASSIFIERS = {
    "digits": "563dc56b0ddd839043f242976ac567af4d9072df5cc2de4be3f8aa4adbe288fc",
    "mnist": "0b4a702624ced6e841a943be0880e5605da210848b68a09fc6c570f88743c3b5",
    "fashion_mnist": "45d5f81e9fc7ecd97cf64031c74477855e9593d2222e3ee16a8b546a376e8c68",
}
"""SHA-256 of NAME.safetensors in this folder, by name."""


def load_classifier(name: str) -> ShippedClassifier:
    """Loads a shipped classifier.

    Args:
      name: one of `CLASSIFIERS`.
    Raises:
      UsageError: if the name is unknown, or the file is missing or has another SHA-256.
    """
    if name not in CLASSIFIERS:
        raise unknown("shipped classifier", name, CLASSIFIERS)
    variables, metadata = weights.read(FOLDER / f"{name}.safetensors", CLASSIFIERS[name])
    card = ModelCard(
        sha256=CLASSIFIERS[name],
        size=int(metadata["size"]),
        channels=int(metadata["channels"]),
        classes=int(metadata["classes"]),
        accuracy=float(metadata["accuracy"]),
        data=metadata["data"],
        terms=metadata["terms"],
        command=metadata["command"],
    )
    return ShippedClassifier(classifier_function(card), jax.device_put(variables), card)


def classifier_function(card: ModelCard) -> ClassifierFunction:
    """Returns the function from variables and images to features and logits."""
    module, expected = Classifier(card.classes), (card.size, card.size, card.channels)

    def apply(variables: PyTree, images: Array) -> tuple[Array, Array]:
        if jnp.ndim(images) != 4 or jnp.shape(images)[1:] != expected:
            raise ValueError(
                f"images of shape {jnp.shape(images)}: the classifier of {card.data} takes [batch, "
                f"{', '.join(map(str, expected))}]; resize them first"
            )
        return cast(tuple[Array, Array], module.apply(variables, images, train=False, method="features_and_logits"))

    return apply
