"""Trained variables in a file: safetensors, which can hold numbers and nothing that runs."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgen.errors import UsageError

PyTree = Any
ABOUT = "about"


def write(path: Path, variables: PyTree, about: Mapping[str, str]) -> str:
    """Writes variables to a file and returns its sha256.

    Args:
      path: of the file; its folder must exist.
      variables: nested dicts of arrays.
      about: what the file tells of itself, words by name: what made it, its score, the terms of its data.
    Raises:
      UsageError: if the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save

    flat = {name: np.ascontiguousarray(leaf) for name, leaf in flatten_dict(variables, sep="/").items()}
    # A single entry: the format writes several in any order, and the same weights would not be the same file.
    try:
        path.write_bytes(save(flat, metadata={ABOUT: json.dumps(dict(about), sort_keys=True)}))
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot write {path} ({error}): name a file in a folder that exists") from None
    return digest(path)


def read(path: Path, sha256: str = "") -> tuple[PyTree, dict[str, str]]:
    """Returns the variables in a file, as nested dicts of NumPy arrays, and what it tells of itself.

    Args:
      path: of the file.
      sha256: the digest that it must have; empty: any.
    Raises:
      UsageError: if there is no such file, it is damaged, or it is not the one with that digest.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise UsageError(f"no weights at {path}: give the path of a safetensors file")
    if sha256 and (found := digest(path)) != sha256:
        raise UsageError(f"{path} has sha256 {found} and not {sha256}: its weights are others; get the recorded file")
    try:
        with safe_open(path, framework="numpy") as file:
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            about = json.loads((file.metadata() or {}).get(ABOUT, "{}"))
    except (SafetensorError, ValueError) as error:
        raise UsageError(f"{path} is no safetensors file, or is damaged ({error}): get it again") from None
    return unflatten_dict(flat, sep="/"), about


def digest(path: Path) -> str:
    """Returns the sha256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
