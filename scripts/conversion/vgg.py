"""VGG-19's weights: from torchvision's state dict to the variables of `jaxgen.models.features.vgg`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.models.features.vgg import BLOCKS

URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
# The published file's name ends with the first digits of its own sha256.
DIGEST = Path(URL).stem.split("-")[-1]


def read_torch(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a state dict that PyTorch wrote, by name; nothing in the file is run."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise UsageError(f"{path} is read by PyTorch ({error}): pip install torch, which is needed only here") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: value.float().numpy() for name, value in state.items()}
    except Exception as error:  # a damaged file, or one of something else, leads torch's readers to many kinds
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"{path} is no file of tensors by name ({first}): get it from {URL}") from None


READERS = {".pth": read_torch, ".pt": read_torch, ".safetensors": lambda path: weights.read(path)[0]}


def layers() -> dict[str, tuple[str, tuple[int, ...]]]:
    """Returns torchvision's name of each convolution and the shape of its weight there, by our name."""
    found, place, inputs = {}, 0, 3
    for block, (channels, count) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            found[f"conv{block}_{number}"] = f"features.{place}", (channels, inputs, 3, 3)
            inputs = channels
            # Each convolution and its relu have a place; so has the pooling behind the block.
            place += 2
        place += 1
    return found


def variables(state: Mapping[str, np.ndarray], path: Path) -> dict:
    """Returns the variables of `VGG19`.

    Args:
      state: features.N.{weight, bias} of each convolution; others are left out.
      path: of the file that is told of in errors.
    Returns:
      {"params": nested dicts of float32 arrays}.
    Raises:
      UsageError: if a convolution is missing or has another shape.
    """
    params = {}
    for name, (theirs, shape) in layers().items():
        for part, wanted in ((f"{theirs}.weight", shape), (f"{theirs}.bias", shape[:1])):
            if np.shape(state.get(part)) != wanted:
                given = f"{list(np.shape(state[part]))}" if part in state else "missing"
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
    if not source.is_file():
        raise UsageError(f"no file {source}: download it from {URL}")
    if source.suffix not in READERS:
        raise UsageError(f"{source} ends in {source.suffix or 'nothing'}: weights end in {', '.join(READERS)}")
    found = weights.digest(source)
    published = URL if found.startswith(DIGEST) else source.name
    about = {"network": "VGG-19 up to conv5_4", "source": f"{published}, sha256 {found}"}
    converted = variables(READERS[source.suffix](source), source)
    try:
        return weights.write(target, converted, about)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot write {target} ({error}): name a file in a folder that is there") from None
