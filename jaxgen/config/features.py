"""The network of the feature loss."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import cast

import jax
from jax import Array

from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation import classifiers, extractors
from jaxgen.io import weights
from jaxgen.models.features.vgg import MIN_SIDE, VGG19
from jaxgen.training.state import PyTree

SUFFIX = ".safetensors"
NAMED = f"{', '.join(classifiers.CLASSIFIERS)}, or a file of VGG-19's weights that jaxgen convert vgg writes"


def feature_function(name: str, channels: int) -> Callable[[Array], Array]:
    """Returns the function from images to features of a shipped classifier, or of VGG-19.

    Args:
      name: of the classifier, or the path of a safetensors file with VGG-19's weights.
      channels: of the images.
    Raises:
      UsageError: if the name is empty or unknown, or the network does not take such images.
    """
    if not name:
        raise UsageError(f"the loss feature compares features of a network: set features to {NAMED}")
    if name.endswith(SUFFIX):
        return vgg(Path(name))
    if name not in classifiers.CLASSIFIERS:
        raise unknown("feature network", name, (*classifiers.CLASSIFIERS, f"a path that ends in {SUFFIX}"))
    extractor = extractors.load_extractor(name, name, channels)
    return lambda images: extractor.features(extractor.variables, images)[0]


def vgg(path: Path) -> Callable[[Array], Array]:
    """Returns the function from images to features of VGG-19 with the weights in a file; see `VGG19`.

    The file is read when features are first computed: a network that was trained with them can be used without it.

    Returns:
      A pure function, which raises UsageError if the file is missing or not one that `jaxgen convert vgg` writes.
    """

    @functools.cache
    def variables() -> PyTree:
        if not path.is_file():
            raise UsageError(f"no weights at {path}: jaxgen convert vgg writes them, and says where they come from")
        arrays, _ = weights.read(path)
        weights.require_arrays(path, "VGG-19", arrays, vgg_arrays(), "jaxgen convert vgg writes such a file")
        # The features are first computed while a step is traced, and these arrays must not belong to the trace.
        with jax.ensure_compile_time_eval():
            return jax.device_put(arrays)

    return lambda images: cast(Array, VGG19().apply(variables(), images))


@functools.cache
def vgg_arrays() -> dict[str, tuple]:
    """Returns (shape, dtype) of each of VGG-19's arrays, by its path."""
    images = jax.ShapeDtypeStruct((1, MIN_SIDE, MIN_SIDE, 3), "float32")
    return weights.describe_arrays(jax.eval_shape(VGG19().init, jax.random.key(0), images))
