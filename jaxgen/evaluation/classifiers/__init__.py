"""Feature networks that come with the installation: a small classifier for each of three data sets.

Distances between their features are called cFID and cKID, never FID: they compare with no published number. The command
that made them is `scripts/results classifiers`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import unknown
from jaxgen.io import weights
from jaxgen.models.features.classifier import Classifier

FOLDER = Path(__file__).parent

PyTree = Any
Look = Callable[[PyTree, Array], tuple[Array, Array]]


class About(NamedTuple):
    """What a shipped classifier is.

    Attributes:
      sha256: of its file.
      size: height and width of the images it looks at, pixels.
      channels: of these images.
      classes: how many it tells apart.
      accuracy: on the whole test split of its data, in [0, 1].
      data: what it was trained on.
      terms: under which these data are published.
      command: how it was trained.
    """

    sha256: str
    size: int
    channels: int
    classes: int
    accuracy: float
    data: str
    terms: str
    command: str


CLASSIFIERS = {
    "digits": "563dc56b0ddd839043f242976ac567af4d9072df5cc2de4be3f8aa4adbe288fc",
    "mnist": "0b4a702624ced6e841a943be0880e5605da210848b68a09fc6c570f88743c3b5",
    "fashion_mnist": "45d5f81e9fc7ecd97cf64031c74477855e9593d2222e3ee16a8b546a376e8c68",
}
"""The sha256 of NAME.safetensors in this folder, by name."""


def load_classifier(name: str) -> tuple[Look, PyTree, About]:
    """Returns a shipped classifier, its variables and what it is.

    Args:
      name: one of `CLASSIFIERS`.
    Returns:
      (look, variables, about). `look` is pure: (variables, images float[b, 28, 28, 1] in [0, 1]) -> (features
      float[b, 64], logits float[b, 10]). It resizes nothing and raises ValueError for images of another size or number
      of channels.
    Raises:
      UsageError: if there is none of that name, or its file is missing or not the recorded one.
    """
    if name not in CLASSIFIERS:
        raise unknown("shipped classifier", name, CLASSIFIERS)
    variables, told = weights.read(FOLDER / f"{name}.safetensors", CLASSIFIERS[name])
    about = About(
        sha256=CLASSIFIERS[name],
        size=int(told["size"]),
        channels=int(told["channels"]),
        classes=int(told["classes"]),
        accuracy=float(told["accuracy"]),
        data=told["data"],
        terms=told["terms"],
        command=told["command"],
    )
    return make_look(about), jax.device_put(variables), about


def make_look(about: About) -> Look:
    """Returns the function from variables and images to (features, logits) of a classifier."""
    module, wanted = Classifier(about.classes), (about.size, about.size, about.channels)

    def look(variables: PyTree, images: Array) -> tuple[Array, Array]:
        if jnp.ndim(images) != 4 or jnp.shape(images)[1:] != wanted:
            raise ValueError(
                f"images of shape {jnp.shape(images)}: the classifier of {about.data} takes [batch, "
                f"{', '.join(map(str, wanted))}]; resize them first"
            )
        return module.apply(variables, images, train=False, method="look")

    return look
