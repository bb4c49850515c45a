"""Feature networks by name: the shipped classifiers, and InceptionV3, DINOv2 and CLIP from files."""

import functools
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation import classifiers
from jaxgen.evaluation.features import Extractor
from jaxgen.io import weights
from jaxgen.models.features.inception import SIZE, InceptionV3, class_probabilities
from jaxgen.models.features.vit import VARIANTS, VisionTransformer, resize_to
from jaxgen.training.state import PyTree

RESIZE = "bilinear, antialiased (jax.image.resize)"
STACKED_CHANNELS = 3
COLORS = 3
FILE_BATCH = 50
"""Images in a batch of a network from a file."""
WEIGHTS = "the path of a file of weights (.safetensors), which jaxgen convert inception, dinov2 and clip write"


def resize(images: Array, size: int) -> Array:
    """Resizes images to `size` × `size` pixels; images of that size stay as they are."""
    if images.shape[1:3] == (size, size):
        return images
    return jax.image.resize(images, (len(images), size, size, images.shape[3]), "linear", antialias=True)


def load_classifier(name: str) -> Extractor:
    """Returns a shipped classifier of images of one channel; `name` is one of `classifiers.CLASSIFIERS`."""
    apply, variables, card = classifiers.load_classifier(name)

    def features(variables: PyTree, images: Array) -> tuple[Array, Array]:
        features, logits = apply(variables, resize(images, card.size))
        return features, jax.nn.softmax(logits)

    return Extractor(
        name=f"classifier of {name}",
        network="classifier",
        sha256=card.sha256,
        variables=variables,
        features=features,
        resize=f"{RESIZE} to {card.size}",
    )


def load_stacked_classifier() -> Extractor:
    """Returns the classifier of MNIST's digits, applied to each of three channels.

    Its features are those of the three channels, concatenated. Its classes, which are the modes of the data, are the
    1000 numbers of three digits.
    """
    apply, variables, card = classifiers.load_classifier("mnist")

    def features(variables: PyTree, images: Array) -> tuple[Array, Array]:
        images = resize(images, card.size)
        digits = jnp.concatenate([images[..., channel : channel + 1] for channel in range(STACKED_CHANNELS)])
        features, logits = (x.reshape(STACKED_CHANNELS, len(images), -1) for x in apply(variables, digits))
        probabilities = jnp.einsum("ni,nj,nk->nijk", *jax.nn.softmax(logits)).reshape(len(images), -1)
        return jnp.concatenate(list(features), axis=-1), probabilities

    return Extractor(
        name="classifier of mnist, each channel",
        network="classifier",
        sha256=card.sha256,
        variables=variables,
        features=features,
        resize=f"{RESIZE} to {card.size}",
        modes=card.classes**STACKED_CHANNELS,
    )


class NamedExtractor(NamedTuple):
    """An extractor that is installed with jaxgen.

    Attributes:
      channels: of its images.
      load: loads it.
    """

    channels: int
    load: Callable[[], Extractor]


EXTRACTORS = {
    **{name: NamedExtractor(1, partial(load_classifier, name)) for name in classifiers.CLASSIFIERS},
    "stacked_mnist": NamedExtractor(STACKED_CHANNELS, load_stacked_classifier),
}
"""Extractors by the name of the data set that they are for."""


def load_extractor(name: str, data: str, channels: int) -> Extractor:
    """Loads a feature network.

    Args:
      name: "auto" (the one for the run's data set), one of `EXTRACTORS`, or the path of a .safetensors file with the
        weights of InceptionV3, DINOv2 or CLIP, which `jaxgen convert` writes.
      data: name of the run's data set.
      channels: of the run's images.
    Raises:
      UsageError: if there is no such extractor, none for the data set, or it takes another number of channels.
    """
    if name == "auto" and data not in EXTRACTORS:
        raise UsageError(
            f"no extractor is shipped for the data set {data!r}: set one of {', '.join(EXTRACTORS)}, or {WEIGHTS}"
        )
    name = data if name == "auto" else name
    if name.endswith(".safetensors"):
        return load_file(Path(name), channels)
    if name not in EXTRACTORS:
        raise unknown("extractor", name, ("auto", *EXTRACTORS, WEIGHTS))
    extractor = EXTRACTORS[name]
    if channels != extractor.channels:
        raise UsageError(
            f"the extractor {name} takes images of {extractor.channels} channel(s), the run has {channels}"
        )
    return extractor.load()


def load_file(path: Path, channels: int) -> Extractor:
    """Returns the network with the weights in a file: InceptionV3, or a vision transformer that the file names.

    Args:
      path: of the file.
      channels: of the run's images; one channel is repeated to three.
    Raises:
      UsageError: if the file is missing, or `jaxgen convert` has not written it: with other weights the distance is not
        FID.
    """
    if not path.is_file():
        raise UsageError(
            f"no weights at {path}: jaxgen convert inception, dinov2 and clip write them, and --help names the files"
        )
    variables, metadata = weights.read(path)
    repeated = ", one channel repeated to three" if channels == 1 else ""
    if metadata.get("extractor") in VARIANTS:
        return load_transformer(path, variables, metadata, repeated)
    weights.require_arrays(
        path, "InceptionV3", variables, inception_arrays(), "jaxgen convert inception writes such a file"
    )
    if not metadata.get("source"):
        raise UsageError(
            f"{path} does not name the source of its weights, and only with the published weights is the distance FID: "
            "use jaxgen convert inception, which records the source"
        )
    return Extractor(
        name=f"InceptionV3{repeated}",
        network="InceptionV3",
        sha256=weights.digest(path),
        variables=jax.device_put(variables),
        features=inception_features,
        resize=f"bilinear, not antialiased, to {SIZE} (as pytorch-fid)",
        batch=FILE_BATCH,
    )


def load_transformer(path: Path, variables: PyTree, metadata: Mapping[str, str], repeated: str) -> Extractor:
    """Returns DINOv2 or CLIP with the variables of a file.

    Args:
      path: of the file.
      variables: in it.
      metadata: in it.
      repeated: end of the name, of what is done to the channels.
    Raises:
      UsageError: if the file is damaged.
    """
    variant = cast(Literal["DINOv2", "CLIP"], metadata["extractor"])
    remedy = f"jaxgen convert {variant.lower()} writes such a file"
    try:
        module = transformer_of(variant, variables["params"])
        images = jax.ShapeDtypeStruct((1, module.size, module.size, COLORS), "float32")
        shapes = jax.eval_shape(module.init, jax.random.key(0), images)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise UsageError(f"{path} does not hold {variant}: {remedy}") from None
    weights.require_arrays(path, variant, variables, weights.describe_arrays(shapes), remedy)

    def compute(variables: PyTree, images: Array) -> tuple[Array, Array]:
        """Returns the features, of CLIP with length one, and no probabilities."""
        colored = jnp.broadcast_to(images, (*images.shape[:3], COLORS))
        found = cast(Array, module.apply(variables, resize_to(colored, module.size)))
        if variant == "CLIP":
            found /= jnp.linalg.norm(found, axis=-1, keepdims=True)
        return found, jnp.zeros((len(found), 0))

    letter = {384: "S", 768: "B", 1024: "L"}.get(module.width, f"{module.width} channels")
    return Extractor(
        name=f"{variant} ViT-{letter}/{module.patch}{repeated}",
        network=variant,
        sha256=weights.digest(path),
        variables=jax.device_put(variables),
        features=compute,
        resize=f"bicubic, antialiased, rounded to 8 bits (as Pillow), to {module.size}",
        batch=FILE_BATCH,
    )


def transformer_of(variant: Literal["DINOv2", "CLIP"], params: Mapping[str, Any]) -> VisionTransformer:
    """Returns the module whose parameters seem to have these shapes.

    Raises:
      AttributeError, LookupError, TypeError or ValueError: if they are another network's.
    """
    count, width = params["positions"].shape
    patch, rows = math.isqrt(len(params["patches"]["kernel"]) // COLORS), math.isqrt(count - 1)
    depth = sum(name.startswith("block_") for name in params)
    features = params["projection"]["kernel"].shape[1] if VARIANTS[variant].has_projection else width
    return VisionTransformer(variant, rows * patch, patch, width, depth, features)


def inception_features(variables: PyTree, images: Array) -> tuple[Array, Array]:
    """Returns InceptionV3's features and class probabilities of images of one or three channels."""
    images = jnp.repeat(images, COLORS, axis=-1) if images.shape[-1] == 1 else images
    features, logits = cast(tuple[Array, Array], InceptionV3().apply(variables, images))
    return features, class_probabilities(variables, logits)


@functools.cache
def inception_arrays() -> dict[str, tuple]:
    """Returns shape and dtype of each array of InceptionV3, by its path."""
    images = jax.ShapeDtypeStruct((1, SIZE, SIZE, COLORS), "float32")
    return weights.describe_arrays(jax.eval_shape(InceptionV3().init, jax.random.key(0), images))
