"""InceptionV3's weights: from pytorch-fid's state dict to the variables of `jaxgen.models.features.inception`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from flax.traverse_util import unflatten_dict
from safetensors import SafetensorError

from jaxgen.errors import UsageError
from jaxgen.io import weights

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
# The published file's name ends with the first digits of its own sha256.
DIGEST = Path(URL).stem.split("-")[-1]
# Of the batch norms; a state dict does not tell it.
EPSILON = 1e-3


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of the published file, by name.

    Raises:
      UsageError: if the file is missing or another one, or there is no PyTorch to read it with.
    """
    if not path.is_file():
        raise UsageError(f"no file {path}: download it from {URL}")
    if not (found := weights.digest(path)).startswith(DIGEST):
        raise UsageError(f"{path} has sha256 {found}, and the published one begins with {DIGEST}: get it from {URL}")
    try:
        import torch
    except ModuleNotFoundError as error:
        raise UsageError(f"{path} is read by PyTorch ({error}): pip install torch, which is needed only here") from None
    return {name: value.numpy() for name, value in torch.load(path, map_location="cpu", weights_only=True).items()}


def variables(state: Mapping[str, np.ndarray]) -> dict:
    """Returns the variables of `InceptionV3`: each batch norm folded into the convolution before it, in float64.

    Args:
      state: NAME.conv.weight and NAME.bn.{weight, bias, running_mean, running_var} of each convolution, and
        fc.{weight, bias}.
    Returns:
      {"params": nested dicts of float32 arrays}.
    """
    double = {name: np.asarray(value, np.float64) for name, value in state.items()}
    flat = {("fc", "kernel"): double["fc.weight"].T, ("fc", "bias"): double["fc.bias"]}
    for name in [name.removesuffix(".conv.weight") for name in double if name.endswith(".conv.weight")]:
        scale, shift, mean, var = (double[f"{name}.bn.{x}"] for x in ("weight", "bias", "running_mean", "running_var"))
        slope = scale / np.sqrt(var + EPSILON)
        flat[*name.split("."), "kernel"] = double[f"{name}.conv.weight"].transpose(2, 3, 1, 0) * slope
        flat[*name.split("."), "bias"] = shift - mean * slope
    return {"params": unflatten_dict({name: value.astype(np.float32) for name, value in flat.items()})}


def convert(source: Path, target: Path) -> str:
    """Writes the published weights as safetensors and returns the new file's sha256.

    Raises:
      UsageError: if the source cannot be read, or the target not be written.
    """
    about = {"source": f"{URL}, batch norms folded into convolutions"}
    converted = variables(read_state(source))
    try:
        return weights.write(target, converted, about)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot write {target} ({error}): name a file in a folder that is there") from None
