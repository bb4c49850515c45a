"""Which network looks at a run's images."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation import classifiers
from jaxgen.evaluation.features import Extractor
from jaxgen.io import weights
from jaxgen.models.features.inception import SIZE, InceptionV3, class_probabilities
from jaxgen.training.state import PyTree

RESIZE = "bilinear, antialiased (jax.image.resize)"
STACKED = "stacked_mnist"
CHANNELS = 3
INCEPTION_BATCH = 50


def resized(images: Array, size: int) -> Array:
    """Returns square images of `size` pixels; images of that size as they are."""
    if images.shape[1:3] == (size, size):
        return images
    return jax.image.resize(images, (len(images), size, size, images.shape[3]), "linear", antialias=True)


def choose(name: str, data: str, channels: int) -> Extractor:
    """Returns the extractor that is asked for.

    Args:
      name: "auto" (the classifier shipped for the run's data), a name in `classifiers.CLASSIFIERS`, "stacked_mnist", or
        the path of a safetensors file with InceptionV3's weights, which `jaxgen convert inception` writes.
      data: name of the run's data set.
      channels: of its images.
    Raises:
      UsageError: if there is no such extractor, none for that data set, or it does not take that many channels.
    """
    known = (*classifiers.CLASSIFIERS, STACKED)
    if name == "auto" and data not in known:
        raise UsageError(
            f"no classifier is shipped for the data set {data!r} (there are {', '.join(known)}): name one of them, or "
            "give the path of InceptionV3's weights, which jaxgen convert inception writes"
        )
    name = data if name == "auto" else name
    if name.endswith(".safetensors"):
        return inception(Path(name), channels)
    if name not in known:
        raise unknown("extractor", name, known)
    wanted = CHANNELS if name == STACKED else 1
    if channels != wanted:
        raise UsageError(f"the extractor {name} looks at images of {wanted} channel(s) and the run makes {channels}")
    return stacked() if name == STACKED else classifier(name)


def classifier(name: str) -> Extractor:
    """Returns the classifier shipped for a data set of one-channel images."""
    look, variables, about = classifiers.load_classifier(name)

    def features(variables: PyTree, images: Array) -> tuple[Array, Array]:
        found, logits = look(variables, resized(images, about.size))
        return found, jax.nn.softmax(logits)

    return Extractor(
        name=f"classifier of {name}",
        prefix="c",
        sha256=about.sha256,
        variables=variables,
        features=features,
        resize=f"{RESIZE} to {about.size}",
    )


def stacked() -> Extractor:
    """Returns the classifier of MNIST's digits applied to each of three channels.

    Features are those of the channels side by side; classes, and the data's modes, are the numbers of three digits.
    """
    look, variables, about = classifiers.load_classifier("mnist")

    def features(variables: PyTree, images: Array) -> tuple[Array, Array]:
        images = resized(images, about.size)
        digits = jnp.concatenate([images[..., channel : channel + 1] for channel in range(CHANNELS)])
        found, logits = (x.reshape(CHANNELS, len(images), -1) for x in look(variables, digits))
        joint = jnp.einsum("ni,nj,nk->nijk", *jax.nn.softmax(logits)).reshape(len(images), -1)
        return jnp.concatenate(found, axis=-1), joint

    return Extractor(
        name="classifier of mnist, each channel",
        prefix="c",
        sha256=about.sha256,
        variables=variables,
        features=features,
        resize=f"{RESIZE} to {about.size}",
        modes=about.classes**CHANNELS,
    )


def inception(path: Path, channels: int) -> Extractor:
    """Returns InceptionV3 with the weights in a file. It resizes by itself; one channel is repeated to three.

    Raises:
      UsageError: if the file is missing or not one that `jaxgen convert inception` writes: its distance would be
        called FID.
    """
    if not path.is_file():
        raise UsageError(f"no weights at {path}: jaxgen convert inception writes them, and says where they come from")
    variables, about = weights.read(path)
    require_inception(path, variables, about)
    repeated = ", one channel repeated to three" if channels == 1 else ""
    return Extractor(
        name=f"InceptionV3{repeated}",
        prefix="",
        sha256=weights.digest(path),
        variables=jax.device_put(variables),
        features=inception_features,
        resize=f"bilinear, not antialiased, to {SIZE} (as pytorch-fid)",
        batch=INCEPTION_BATCH,
    )


def inception_features(variables: PyTree, images: Array) -> tuple[Array, Array]:
    """Returns InceptionV3's features and class probabilities of images of one or three channels."""
    images = jnp.repeat(images, CHANNELS, axis=-1) if images.shape[-1] == 1 else images
    features, logits = InceptionV3().apply(variables, images)
    return features, class_probabilities(variables, logits)


@functools.cache
def inception_arrays() -> dict[str, tuple]:
    """Returns (shape, dtype) of each of InceptionV3's arrays, by its path."""
    images = jax.ShapeDtypeStruct((1, SIZE, SIZE, CHANNELS), "float32")
    return arrays(jax.eval_shape(InceptionV3().init, jax.random.key(0), images))


def arrays(variables: PyTree) -> dict[str, tuple]:
    """Returns (shape, dtype) of each array of nested dicts, by its path."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): (tuple(x.shape), str(x.dtype))
        for path, x in jax.tree_util.tree_leaves_with_path(variables)
    }


def require_inception(path: Path, variables: PyTree, about: Mapping[str, Any]) -> None:
    """Raises where a file does not hold InceptionV3's arrays, or does not say where they come from."""
    require_arrays(path, "InceptionV3", variables, inception_arrays(), "jaxgen convert inception writes such a file")
    if not about.get("source"):
        raise UsageError(
            f"{path} does not say where its weights come from, and distances by any others than the published ones "
            "would be called FID: jaxgen convert inception writes such a file, which says so"
        )


def require_arrays(path: Path, network: str, variables: PyTree, wanted: Mapping[str, tuple], convert: str) -> None:
    """Raises where a file does not hold the arrays of a network.

    Args:
      path: of the file.
      network: its name.
      variables: what the file holds.
      wanted: what it is to hold, see `arrays`.
      convert: what writes such a file, in words.
    """
    found = arrays(variables)
    if missing := sorted(wanted.keys() - found.keys()):
        raise UsageError(
            f"{path} does not hold {network}: {missing[0]} is missing, and {len(missing)} of {len(wanted)} arrays "
            f"are; {convert}"
        )
    if more := sorted(found.keys() - wanted.keys()):
        raise UsageError(f"{path} does not hold {network}, which has no {more[0]}; {convert}")
    for name, (shape, dtype) in wanted.items():
        if found[name] != (shape, dtype):
            given = f"{found[name][1]}{list(found[name][0])}"
            raise UsageError(
                f"{path} does not hold {network}: {name} is {given} and not {dtype}{list(shape)}; {convert}"
            )
