"""VGG-19's weights: from torchvision's state dict to the variables of `jaxgen.models.features.vgg`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxgen.commands.converters.state_dict import READERS, choose_reader
from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.models.features.vgg import BLOCKS

URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
DIGEST = Path(URL).stem.split("-")[-1]
"""First digits of the published file's sha256, the end of its name."""


def layers() -> dict[str, tuple[str, tuple[int, ...]]]:
    """Returns torchvision's name of each convolution and the shape of its weight there, by our name."""
    names, index, inputs = {}, 0, 3
    for block, (channels, count) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            names[f"conv{block}_{number}"] = f"features.{index}", (channels, inputs, 3, 3)
            inputs = channels
            # torchvision counts the relu after each convolution, and the pooling after each block.
            index += 2
        index += 1
    return names


def variables(state: Mapping[str, np.ndarray], path: Path) -> dict:
    """Returns the variables of `VGG19`.

    Args:
      state: features.N.{weight, bias} of each convolution; further ones are ignored.
      path: of the file, for errors.
    Returns:
      {"params": nested dicts of float32 arrays}.
    Raises:
      UsageError: if a convolution is missing or has another shape.
    """
    params = {}
    for name, (theirs, shape) in layers().items():
        for part, wanted in ((f"{theirs}.weight", shape), (f"{theirs}.bias", shape[:1])):
            shape_there = np.shape(state[part]) if part in state else None
            if shape_there != wanted:
                given = "missing" if shape_there is None else f"{list(shape_there)}"
                raise UsageError(f"{path} is not VGG-19: {part} is {given} and not {list(wanted)}; get it from {URL}")
        kernel = np.asarray(state[f"{theirs}.weight"], np.float32).transpose(2, 3, 1, 0)
        params[name] = {"kernel": kernel, "bias": np.asarray(state[f"{theirs}.bias"], np.float32)}
    return {"params": params}


def convert(source: Path, target: Path) -> str:
    """Writes torchvision's weights as safetensors and returns the new file's sha256.

    Args:
      source: a state dict of torchvision's vgg19 (.pth, .pt or .safetensors).
      target: the file to write.
    Raises:
      UsageError: if the source cannot be read or is another network, or the target cannot be written.
    """
    read = choose_reader(source, READERS, f"download it from {URL}")
    digest = weights.digest(source)
    published = URL if digest.startswith(DIGEST) else source.name
    about = {"network": "VGG-19 up to conv5_4", "source": f"{published}, sha256 {digest}"}
    return weights.write(target, variables(read(source), source), about)
