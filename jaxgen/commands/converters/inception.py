"""InceptionV3's weights: from pytorch-fid's state dict to the variables of `jaxgen.models.features.inception`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.commands.converters.state_dict import read_torch
from jaxgen.errors import UsageError
from jaxgen.io import weights

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
DIGEST = Path(URL).stem.split("-")[-1]
"""First digits of the published file's sha256, the end of its name."""
EPSILON = 1e-3
"""Of the batch norms; a state dict does not contain it."""


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of the published file, by name.

    Raises:
      UsageError: if the file is missing or another one, or PyTorch is not installed.
    """
    if not path.is_file():
        raise UsageError(f"no file {path}: download it from {URL}")
    if not (digest := weights.digest(path)).startswith(DIGEST):
        raise UsageError(f"{path} has sha256 {digest}, and the published one begins with {DIGEST}: get it from {URL}")
    return read_torch(path)


def variables(state: Mapping[str, np.ndarray]) -> dict:
    """Returns the variables of `InceptionV3`: each batch norm folded into the convolution before it, in float64.

    Args:
      state: NAME.conv.weight and NAME.bn.{weight, bias, running_mean, running_var} of each convolution, and
        fc.{weight, bias}.
    Returns:
      {"params": nested dicts of float32 arrays}.
    """
    double = {name: np.asarray(value, np.float64) for name, value in state.items()}
    flat: dict[tuple[str, ...], np.ndarray] = {
        ("fc", "kernel"): double["fc.weight"].T,
        ("fc", "bias"): double["fc.bias"],
    }
    for name in [name.removesuffix(".conv.weight") for name in double if name.endswith(".conv.weight")]:
        scale, shift, mean, var = (double[f"{name}.bn.{x}"] for x in ("weight", "bias", "running_mean", "running_var"))
        slope = scale / np.sqrt(var + EPSILON)
        flat[*name.split("."), "kernel"] = double[f"{name}.conv.weight"].transpose(2, 3, 1, 0) * slope
        flat[*name.split("."), "bias"] = shift - mean * slope
    params: dict[str, Any] = {}
    for path, value in flat.items():
        inner = params
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value.astype(np.float32)
    return {"params": params}


def convert(source: Path, target: Path) -> str:
    """Writes the published weights as safetensors and returns the new file's sha256.

    Raises:
      UsageError: if the source cannot be read, or the target cannot be written.
    """
    about = {"source": f"{URL}, batch norms folded into convolutions"}
    return weights.write(target, variables(read_state(source)), about)
