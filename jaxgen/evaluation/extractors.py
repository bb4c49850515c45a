"""Which network looks at a run's images."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen import extractors, weights
from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation.features import Extractor
from jaxgen.models.inception import InceptionV3, class_probabilities

RESIZE = "bilinear, antialiased (jax.image.resize)"
STACKED = "stacked_mnist"
INCEPTION_BATCH = 50


def resized(images: Array, size: int) -> Array:
    """Returns square images of `size` pixels; images of that size as they are."""
    if images.shape[1:3] == (size, size):
        return images
    return jax.image.resize(images, (len(images), size, size, images.shape[3]), "linear", antialias=True)


def choose(name: str, data: str, channels: int) -> Extractor:
    """Returns the extractor that is asked for.

    Args:
      name: "auto" (the classifier shipped for the run's data), a name in `extractors.CLASSIFIERS`, "stacked_mnist", or
        the path of a safetensors file with InceptionV3's weights, which `scripts/convert_inception` writes.
      data: name of the run's data set.
      channels: of its images.
    Raises:
      UsageError: if there is no such extractor, none for that data set, or it does not take that many channels.
    """
    known = (*extractors.CLASSIFIERS, STACKED)
    if name == "auto" and data not in known:
        raise UsageError(
            f"no classifier is shipped for the data set {data!r} (there are {', '.join(known)}): name one of them, or "
            "give the path of InceptionV3's weights, which scripts/convert_inception writes"
        )
    name = data if name == "auto" else name
    if name.endswith(".safetensors"):
        return inception(Path(name), channels)
    if name not in known:
        raise unknown("extractor", name, known)
    wanted = 3 if name == STACKED else 1
    if channels != wanted:
        raise UsageError(f"the extractor {name} looks at images of {wanted} channel(s) and the run makes {channels}")
    return stacked() if name == STACKED else classifier(name)


def classifier(name: str) -> Extractor:
    """Returns the classifier shipped for a data set of one-channel images."""
    look, about = extractors.load_classifier(name)
    size = about.size
    return Extractor(
        name=f"classifier of {name}",
        prefix="c",
        sha256=about.sha256,
        features=lambda images: softmaxed(look(resized(images, size))),
        resize=f"{RESIZE} to {size}",
    )


def softmaxed(outputs: tuple[Array, Array]) -> tuple[Array, Array]:
    """Returns (features, probabilities) of (features, logits)."""
    features, logits = outputs
    return features, jax.nn.softmax(logits)


def stacked() -> Extractor:
    """Returns the classifier of MNIST's digits applied to each of three channels.

    Features are those of the channels side by side; classes and modes are the numbers of three digits.
    """
    look, about = extractors.load_classifier("mnist")

    def features(images: Array) -> tuple[Array, Array]:
        images = resized(images, about.size)
        channels = [look(images[..., i : i + 1]) for i in range(3)]
        shares = [jax.nn.softmax(logits) for _, logits in channels]
        joint = jnp.einsum("ni,nj,nk->nijk", *shares).reshape(len(images), -1)
        return jnp.concatenate([found for found, _ in channels], axis=-1), joint

    return Extractor(
        name="classifier of mnist, each channel",
        prefix="c",
        sha256=about.sha256,
        features=features,
        resize=f"{RESIZE} to {about.size}",
        read=lambda images: extractors.read_stacked(resized(images, about.size)),
        modes=1000,
    )


def inception(path: Path, channels: int) -> Extractor:
    """Returns InceptionV3 with the weights in a file. It resizes by itself; one channel is repeated to three."""
    if not path.is_file():
        raise UsageError(f"no weights at {path}: scripts/convert_inception writes them, and says where they come from")
    variables, _ = weights.read(path)
    look = partial(inception_outputs, InceptionV3(), jax.device_put(variables))
    repeated = ", one channel repeated to three" if channels == 1 else ""
    return Extractor(
        name=f"InceptionV3{repeated}",
        prefix="",
        sha256=weights.digest(path),
        features=look,
        resize="bilinear, not antialiased, to 299 (as pytorch-fid)",
        batch=INCEPTION_BATCH,
    )


def inception_outputs(network: InceptionV3, variables: Any, images: Array) -> tuple[Array, Array]:
    """Returns InceptionV3's features and class probabilities of images of one or three channels."""
    images = jnp.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
    features, logits = network.apply(variables, images)
    return features, class_probabilities(variables, logits)
