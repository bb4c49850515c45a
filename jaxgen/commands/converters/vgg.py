"""VGG-19's weights: from torchvision's state dict to the variables of `jaxgen.models.features.vgg`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxgen.commands.converters.state_dict import READERS, Source, choose_reader, origin
from jaxgen.io import weights
from jaxgen.models.features.vgg import BLOCKS

URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
DIGEST = Path(URL).stem.split("-")[-1]
"""First digits of the published file's sha256, the end of its name."""


def layers(blocks: Sequence[tuple[int, int]]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Returns torchvision's name of each convolution and the shape of its weight there, by our name.

    Args:
      blocks: (channels, number) of the convolutions of each block.
    """
    names, index, inputs = {}, 0, 3
    for block, (channels, count) in enumerate(blocks, 1):
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
    source = Source(state, path, "VGG-19", f"get it from {URL}")
    return {"params": {name: source.convolution(*theirs) for name, theirs in layers(BLOCKS).items()}}


def convert(source: Path, target: Path) -> str:
    """Writes torchvision's weights as safetensors and returns the new file's sha256.

    Args:
      source: a state dict of torchvision's vgg19 (.pth, .pt or .safetensors).
      target: the file to write.
    Raises:
      UsageError: if the source cannot be read or is another network, or the target cannot be written.
    """
    read = choose_reader(source, READERS, f"download it from {URL}")
    about = {"network": "VGG-19 up to conv5_4", "source": origin(source, URL, DIGEST)}
    return weights.write(target, variables(read(source), source), about)
