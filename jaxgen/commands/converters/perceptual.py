"""Weights of LPIPS and DISTS: from the published files to those that `jaxgen.evaluation.perceptual` reads.

Both consist of an ImageNet classifier of torchvision (BSD-3-Clause), and of the authors' weights of its channels: of
LPIPS lpips/weights/v0.1/*.pth in github.com/richzhang/PerceptualSimilarity (BSD-2-Clause), of DISTS weights.pt in
github.com/dingkeyan93/DISTS (MIT).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.commands.converters import vgg
from jaxgen.commands.converters.state_dict import READERS, Source, choose_reader, origin
from jaxgen.io import weights
from jaxgen.models.features.trunks import TRUNKS, SqueezeNet
from jaxgen.models.features.vgg import VGG16, VGG16_BLOCKS

URLS = {
    "VGG-16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "AlexNet": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "SqueezeNet": "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
}
"""torchvision's files of the trunks; the end of a name is the first digits of the sha256."""
HEADS_URL = "https://github.com/richzhang/PerceptualSimilarity/tree/master/lpips/weights/v0.1"
DISTS_URL = "https://github.com/dingkeyan93/DISTS/tree/master/DISTS_pytorch"
ALEXNET = {
    "conv_1": ("features.0", (64, 3, 11, 11)),
    "conv_2": ("features.3", (192, 64, 5, 5)),
    "conv_3": ("features.6", (384, 192, 3, 3)),
    "conv_4": ("features.8", (256, 384, 3, 3)),
    "conv_5": ("features.10", (256, 256, 3, 3)),
}
"""torchvision's name of each convolution and the shape of its weight there, by our name."""
SQUEEZENET_FIRST = {"conv_1": ("features.0", (64, 3, 3, 3))}
SQUEEZENET_BLOCKS = (3, 4, 6, 7, 9, 10, 11, 12)
"""torchvision's numbers of the blocks."""
COLORS = 3


def simple_params(source: Source, layers: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    """Returns the parameters of convolutions in a chain."""
    return {name: source.convolution(*theirs) for name, theirs in layers.items()}


def squeezenet_params(source: Source) -> dict[str, Any]:
    """Returns the parameters of SqueezeNet 1.1."""
    params, inputs = simple_params(source, SQUEEZENET_FIRST), 64
    shapes = [shape for group in SqueezeNet.blocks for shape in group]
    for number, (theirs, (squeezed, expanded)) in enumerate(zip(SQUEEZENET_BLOCKS, shapes, strict=True), 1):
        params[f"fire_{number}"] = simple_params(
            source,
            {
                "squeeze": (f"features.{theirs}.squeeze", (squeezed, inputs, 1, 1)),
                "expand1x1": (f"features.{theirs}.expand1x1", (expanded, squeezed, 1, 1)),
                "expand3x3": (f"features.{theirs}.expand3x3", (expanded, squeezed, 3, 3)),
            },
        )
        inputs = 2 * expanded
    return params


PARAMS: dict[str, Callable[[Source], dict[str, Any]]] = {
    "VGG-16": lambda source: simple_params(source, vgg.layers(VGG16_BLOCKS)),
    "AlexNet": lambda source: simple_params(source, ALEXNET),
    "SqueezeNet": squeezenet_params,
}
"""The parameters of each trunk from a state dict of torchvision."""


def recognize(state: Mapping[str, np.ndarray]) -> str:
    """Returns the name of the trunk that a state dict seems to be of: VGG-16 unless it is one of the others."""
    if f"features.{SQUEEZENET_BLOCKS[-1]}.squeeze.weight" in state:
        return "SqueezeNet"
    first, shape = ALEXNET["conv_1"]
    is_alexnet = f"{first}.weight" in state and np.shape(state[f"{first}.weight"]) == shape
    return "AlexNet" if is_alexnet else "VGG-16"


def read(path: Path, advice: str) -> Mapping[str, np.ndarray]:
    """Returns the arrays of a state dict; see `state_dict.choose_reader`."""
    return choose_reader(path, READERS, advice)(path)


def trunk_params(state: Mapping[str, np.ndarray], path: Path, trunk: str) -> dict[str, Any]:
    """Returns the parameters of a trunk.

    Raises:
      UsageError: if the state dict is of another network.
    """
    return PARAMS[trunk](Source(state, path, trunk, f"get it from {URLS[trunk]}"))


def lpips_variables(trunk: str, params: dict[str, Any], heads: Source) -> dict[str, Any]:
    """Returns the variables of LPIPS, as `evaluation.perceptual` applies them.

    Args:
      trunk: its name.
      params: of the trunk.
      heads: linN.model.1.weight for each of its activations.
    Raises:
      UsageError: if a head is missing or belongs to another trunk.
    """
    found = {
        f"head_{i}": heads.take(f"lin{i}.model.1.weight", (1, count, 1, 1)).ravel()
        for i, count in enumerate(TRUNKS[trunk].channels)
    }
    return {"params": params, "heads": found}


def dists_variables(params: dict[str, Any], heads: Source) -> dict[str, Any]:
    """Returns the variables of DISTS, as `evaluation.perceptual` applies them.

    Args:
      params: of VGG-16.
      heads: alpha and beta.
    Raises:
      UsageError: if one of them is missing or has another shape.
    """
    shape = (1, COLORS + sum(VGG16.channels), 1, 1)
    return {"params": params} | {name: heads.take(name, shape).ravel() for name in ("alpha", "beta")}


def convert_lpips(source: Path, target: Path, heads: Path) -> str:
    """Writes LPIPS by the trunk in a file, and returns the new file's sha256.

    Args:
      source: a state dict of torchvision's vgg16, alexnet or squeezenet1_1 (.pth, .pt or .safetensors).
      target: the file to write.
      heads: LPIPS' weights for that trunk, of version 0.1: vgg.pth, alex.pth or squeeze.pth.
    Raises:
      UsageError: if a file cannot be read or is another network's, or the target cannot be written.
    """
    state = read(source, f"download it from {URLS['VGG-16']}")
    trunk = recognize(state)
    params, advice = trunk_params(state, source, trunk), f"get it from {HEADS_URL}"
    head_source = Source(read(heads, advice), heads, f"LPIPS' heads for {trunk}", advice)
    about = {"network": f"LPIPS by {trunk}", "metric": "lpips", "trunk": trunk}
    return write(target, lpips_variables(trunk, params, head_source), about, source, heads, trunk)


def convert_dists(source: Path, target: Path, heads: Path) -> str:
    """Writes DISTS, and returns the new file's sha256.

    Args:
      source: a state dict of torchvision's vgg16 (.pth, .pt or .safetensors).
      target: the file to write.
      heads: DISTS' weights.pt, with alpha and beta.
    Raises:
      UsageError: if a file cannot be read or is another network's, or the target cannot be written.
    """
    trunk, advice = "VGG-16", f"get it from {DISTS_URL}"
    params = trunk_params(read(source, f"download it from {URLS[trunk]}"), source, trunk)
    head_source = Source(read(heads, advice), heads, "DISTS' alpha and beta", advice)
    about = {"network": "DISTS", "metric": "dists", "trunk": trunk}
    return write(target, dists_variables(params, head_source), about, source, heads, trunk)


def write(target: Path, variables: dict[str, Any], about: dict[str, str], source: Path, heads: Path, trunk: str) -> str:
    """Writes variables with a card that names both files, and returns the new file's sha256."""
    digits = Path(URLS[trunk]).stem.split("-")[-1]
    card = about | {
        "source": origin(source, URLS[trunk], digits),
        "heads": f"{heads.name}, sha256 {weights.digest(heads)}",
        "license": "trunk BSD-3-Clause (torchvision), heads BSD-2-Clause (LPIPS) or MIT (DISTS)",
    }
    return weights.write(target, variables, card)
