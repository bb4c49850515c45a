"""Reading of PyTorch state dicts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io import weights

T = TypeVar("T")


def read_torch(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a state dict that PyTorch wrote, float32 by name. Nothing in the file is executed.

    Raises:
      UsageError: if PyTorch is not installed, or the file is no state dict.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise UsageError(f"{path} is read by PyTorch ({error}): pip install torch, which is needed only here") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: value.float().numpy() for name, value in state.items()}
    except Exception as error:  # torch raises many types for a damaged file or another kind of file
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"{path} is no file of tensors by name ({first}): give a state dict") from None


READERS: dict[str, Callable[[Path], Mapping[str, np.ndarray]]] = {
    ".pth": read_torch,
    ".pt": read_torch,
    ".safetensors": lambda path: dict(weights.read(path)[0]),
}
"""Readers of a state dict by the suffix of its file."""


def choose_reader(path: Path, readers: Mapping[str, Callable[[Path], T]], hint: str) -> Callable[[Path], T]:
    """Returns the reader for a file by its suffix.

    Args:
      path: of the file.
      readers: by suffix.
      hint: where to get the file, the end of the message if it does not exist.
    Raises:
      UsageError: if there is no such file, or no reader for its suffix.
    """
    if not path.is_file():
        raise UsageError(f"no file {path}: {hint}")
    if path.suffix not in readers:
        raise UsageError(f"{path} ends in {path.suffix or 'nothing'}: weights end in {', '.join(readers)}")
    return readers[path.suffix]
