"""Metrics with a network or fitted parameters: LPIPS and DISTS with weights from a file, NIQE, and one of our own.

`jaxgen convert` writes the files.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.io.weights import describe_arrays, require_arrays
from jaxgen.losses.per_example import Images
from jaxgen.metrics.image import METRICS
from jaxgen.metrics.naturalness import FEATURES
from jaxgen.metrics.perceptual import Maps
from jaxgen.metrics.protocols import view
from jaxgen.models.features.trunks import TRUNKS
from jaxgen.models.features.vgg import VGG16
from jaxgen.restoration import pretrained

PyTree = Any
DETECTOR = "detect"
"""The shipped network of `detector_distance`."""
NIQE_FILE = Path(__file__).parent / "niqe.safetensors"
NIQE_SHA256 = "54739928060d5b9272d85845a49a34b5b70b52fbc3e5378ffdfa30f45e46d650"
"""The shipped parameters of NIQE, which `scripts/results niqe` writes."""
COLORS = 3
SIDE = 32
"""Of the images by which the shapes of a network's variables are computed, in pixels; it changes none."""


class Network(NamedTuple):
    """A network, or fitted parameters, that a metric compares images by.

    Attributes:
      about: its name and its file, for the protocol.
      variables: its weights, on the device.
      distance: (variables, reference, image), both float32[batch, height, width, 3] in [0, 1] -> float32[batch].
    """

    about: str
    variables: PyTree
    distance: Callable[[PyTree, Array, Array], Array]


def lpips_maps(trunk: str, variables: PyTree, images: Array) -> tuple[Array, ...]:
    """Returns the activations that LPIPS compares."""
    return cast(tuple[Array, ...], TRUNKS[trunk]().apply({"params": variables["params"]}, images))


def dists_maps(variables: PyTree, images: Array) -> tuple[Array, ...]:
    """Returns the images and the activations that DISTS compares."""
    maps = cast(tuple[Array, ...], VGG16(pool="l2").apply({"params": variables["params"]}, images))
    return images, *maps


def lpips_shapes(trunk: str) -> dict[str, tuple]:
    """Returns the shapes of the variables of LPIPS by a trunk; see `describe_arrays`."""
    channels = TRUNKS[trunk].channels
    heads = {f"head_{i}": jax.ShapeDtypeStruct((count,), "float32") for i, count in enumerate(channels)}
    return describe_arrays(trunk_shapes(TRUNKS[trunk]()) | {"heads": heads})


def dists_shapes() -> dict[str, tuple]:
    """Returns the shapes of the variables of DISTS; see `describe_arrays`."""
    vector = jax.ShapeDtypeStruct((COLORS + sum(VGG16.channels),), "float32")
    return describe_arrays(trunk_shapes(VGG16()) | {"alpha": vector, "beta": vector})


def trunk_shapes(module: Any) -> dict[str, Any]:
    """Returns the shapes of a trunk's variables."""
    images = jax.ShapeDtypeStruct((1, SIDE, SIDE, COLORS), "float32")
    return dict(jax.eval_shape(module.init, jax.random.key(0), images))


def read_lpips(variables: PyTree, metadata: Mapping[str, str], path: Path) -> Network:
    """Returns LPIPS with the variables of a file."""
    trunk = metadata.get("trunk", "")
    if trunk not in TRUNKS:
        raise UsageError(f"{path} names no trunk of LPIPS, one of {', '.join(TRUNKS)}: {remedy('lpips')}")
    require_arrays(path, f"LPIPS by {trunk}", variables, lpips_shapes(trunk), remedy("lpips"))

    def distance(variables: PyTree, reference: Array, image: Array) -> Array:
        heads = [variables["heads"][f"head_{i}"] for i in range(len(TRUNKS[trunk].channels))]
        maps = (lpips_maps(trunk, variables, images) for images in (reference, image))
        return METRICS["lpips"].function(*maps, heads)

    return Network(f"LPIPS by {trunk}", variables, distance)


def read_dists(variables: PyTree, metadata: Mapping[str, str], path: Path) -> Network:
    """Returns DISTS with the variables of a file."""
    del metadata
    require_arrays(path, "DISTS", variables, dists_shapes(), remedy("dists"))

    def distance(variables: PyTree, reference: Array, image: Array) -> Array:
        maps = (dists_maps(variables, images) for images in (reference, image))
        return METRICS["dists"].function(*maps, variables["alpha"], variables["beta"])

    return Network("DISTS", variables, distance)


def load_detector() -> Network:
    """Returns the distance of the activations of a shipped network; see `detector_maps`."""
    variables, card = pretrained.read(DETECTOR)
    module = card.module()

    def distance(variables: PyTree, reference: Array, image: Array) -> Array:
        maps = (detector_maps(module, variables, images) for images in (reference, image))
        return METRICS["detector_distance"].function(*maps)

    return Network(f"cosine distance of the activations of the shipped network {DETECTOR}", variables, distance)


def detector_maps(module: Any, variables: PyTree, images: Array) -> Maps:
    """Returns the activations of the detector's encoder, after the last ReLU of each level, from fine to coarse.

    Args:
      module: a `models.restoration.unet.UNet`.
      variables: of the module.
      images: float32[batch, height, width, 3] in [0, 1].
    """
    names = [*(f"down_{level}_1" for level in range(len(module.widths) - 1)), "bottom_1"]
    _, state = module.apply(
        variables,
        images,
        False,
        capture_intermediates=lambda part, method: method == "__call__" and part.name in names,
        mutable=["intermediates"],
    )
    return [jax.nn.relu(state["intermediates"][name]["__call__"][0]) for name in names]


def read_niqe(variables: PyTree, metadata: Mapping[str, str], path: Path) -> Network:
    """Returns NIQE with the parameters of a file."""
    expected = {"mean": ((FEATURES,), "float32"), "whitening": ((FEATURES, FEATURES), "float32")}
    require_arrays(path, "NIQE", variables, expected, remedy("niqe"))

    def distance(variables: PyTree, reference: Array, image: Array) -> Array:
        del reference
        return METRICS["niqe"].function(image, variables["mean"], variables["whitening"])

    return Network(f"NIQE of {metadata.get('data', path.name)}", variables, distance)


def load_niqe() -> Network:
    """Returns NIQE with the shipped parameters."""
    return read_niqe(*weights.read(NIQE_FILE, NIQE_SHA256), NIQE_FILE)


READERS: dict[str, Callable[[PyTree, Mapping[str, str], Path], Network]] = {
    "lpips": read_lpips,
    "dists": read_dists,
    "niqe": read_niqe,
}
"""(variables, metadata, path) -> network, of the metrics whose network comes from a file, by name."""
SHIPPED: dict[str, Callable[[], Network]] = {"detector_distance": load_detector, "niqe": load_niqe}
"""The same of the metrics whose network is shipped, where no file replaces it."""


def remedy(metric: str) -> str:
    """Returns the clause of an error that says how to get a metric's file."""
    return f"jaxgen convert {metric} writes such a file"


def load(metrics: Sequence[str], files: Sequence[Path]) -> dict[str, Network]:
    """Loads the networks of those metrics that have one.

    Args:
      metrics: names of metrics, of which those with a network are in `METRICS`.
      files: with weights, in any order; each says which metric it is for.
    Returns:
      the network of each such metric, by name.
    Raises:
      UsageError: if a file is missing, is damaged, is for no metric or for one that is not chosen, two are for the same
        metric, or a metric has none.
    """
    found: dict[str, Network] = {}
    for path in files:
        variables, metadata = weights.read(path)
        metric = metadata.get("metric", "")
        if metric not in READERS:
            raise UsageError(f"{path} is for no metric: {', '.join(map(remedy, READERS))}")
        if metric not in metrics:
            raise UsageError(f"{path} is for {metric}, which is not among the metrics: add it to --metrics")
        if metric in found:
            raise UsageError(f"{path} is a second file for {metric}: give one")
        network = READERS[metric](variables, metadata, path)
        sha256 = weights.digest(path)
        found[metric] = network._replace(about=f"{network.about}, file of sha256 {sha256[:8]}")
    found |= {metric: SHIPPED[metric]() for metric in metrics if metric in SHIPPED and metric not in found}
    for metric in metrics:
        if metric in (*READERS, *SHIPPED) and metric not in found:
            raise UsageError(f"{metric} needs the weights of its network: give --metric-weights FILE; {remedy(metric)}")
    return {metric: network._replace(variables=jax.device_put(network.variables)) for metric, network in found.items()}


def compile_distance(metric: str, network: Network, protocol: str) -> Callable[[Images, Images], Array]:
    """Returns the distance of images float[batch, height, width, 1 or 3], rounded to 8 bits, compiled for each shape.

    A gray image is repeated to three channels.

    Args:
      metric: its name, one of `METRICS`.
      network: its network.
      protocol: one of `PROTOCOLS`, for a metric of what a protocol compares.
    """

    def distance(variables: PyTree, reference: Array, image: Array) -> Array:
        seen = (view(protocol, METRICS[metric].colors, x) for x in (reference, image))
        colored = (jnp.broadcast_to(x, (*x.shape[:3], COLORS)).astype(jnp.float32) for x in seen)
        return network.distance(variables, *colored)

    compiled = jax.jit(distance)
    return lambda reference, image: compiled(network.variables, reference, image)


def compile_distances(networks: Mapping[str, Network], protocol: str) -> dict[str, Callable[[Images, Images], Array]]:
    """Returns the distances of metrics by name; see `compile_distance`."""
    return {metric: compile_distance(metric, network, protocol) for metric, network in networks.items()}
