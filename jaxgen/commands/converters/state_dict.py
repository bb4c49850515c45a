"""Reading of PyTorch state dicts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

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
        return {name: value.detach().float().numpy() for name, value in state.items()}
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


class Source(NamedTuple):
    """A state dict that is said to be a network's.

    Attributes:
      state: arrays by name.
      path: of its file, for errors.
      network: that it must be of, for errors.
      advice: where to get the file, for errors.
    """

    state: Mapping[str, np.ndarray]
    path: Path
    network: str
    advice: str

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Returns an array of that name and shape, float32.

        Raises:
          UsageError: if it is missing or has another shape.
        """
        shape_there = np.shape(self.state[name]) if name in self.state else None
        if shape_there != shape:
            found = "missing" if shape_there is None else f"{list(shape_there)}"
            raise UsageError(
                f"{self.path} is not {self.network}: {name} is {found} and not {list(shape)}; {self.advice}"
            )
        return np.asarray(self.state[name], np.float32)

    def convolution(self, name: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Returns {"kernel": [height, width, in, out], "bias": [out]} of a layer.

        Args:
          name: of the layer.
          shape: of its weight, [out, in, height, width].
        Raises:
          UsageError: see `take`.
        """
        kernel = self.take(f"{name}.weight", shape).transpose(2, 3, 1, 0)
        return {"kernel": kernel, "bias": self.take(f"{name}.bias", shape[:1])}


def origin(path: Path, url: str, sha256: str) -> str:
    """Returns where a file comes from, for metadata: the address if its digest begins as the published one, and sha256.

    Args:
      path: of the file.
      url: where it is published.
      sha256: first digits of the published file's.
    """
    digest = weights.digest(path)
    return f"{url if digest.startswith(sha256) else path.name}, sha256 {digest}"
