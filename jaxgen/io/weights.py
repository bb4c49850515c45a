"""Trained variables in safetensors files, which hold arrays and metadata and never code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgen.errors import UsageError

PyTree = Any
METADATA = "about"
"""The key under which a file holds its metadata as one JSON object."""


def write(path: Path, variables: PyTree, metadata: Mapping[str, str]) -> str:
    """Writes variables to a file and returns its sha256.

    Args:
      path: of the file; its folder must exist.
      variables: nested dicts of arrays.
      metadata: text by name, such as the command that trained the variables, their scores, the license of the data.
    Raises:
      UsageError: if the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save

    flat = {name: np.ascontiguousarray(leaf) for name, leaf in flatten_dict(variables, sep="/").items()}
    # A single entry: safetensors writes several in any order, and the same variables would give different files.
    try:
        path.write_bytes(save(flat, metadata={METADATA: json.dumps(dict(metadata), sort_keys=True)}))
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot write {path} ({error}): name a file in a folder that exists") from None
    return digest(path)


def read(path: Path, sha256: str = "") -> tuple[PyTree, dict[str, str]]:
    """Returns the variables in a file, as nested dicts of NumPy arrays, and its metadata.

    Args:
      path: of the file.
      sha256: the digest that it must have; empty: any.
    Raises:
      UsageError: if there is no such file, it is damaged, or its digest is another.
    """
    from safetensors import SafetensorError, safe_open

    metadata = read_metadata(path)
    if sha256 and (actual := digest(path)) != sha256:
        raise UsageError(f"{path} has sha256 {actual} and not {sha256}: restore the recorded file")
    try:
        with safe_open(path, framework="numpy") as file:
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise damaged(path, error) from None
    return unflatten_dict(flat, sep="/"), metadata


def read_metadata(path: Path) -> dict[str, str]:
    """Returns the metadata of a file without reading its arrays.

    Raises:
      UsageError: if there is no such file, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise UsageError(f"no weights at {path}: give the path of a safetensors file")
    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads((file.metadata() or {}).get(METADATA, "{}"))
    except (SafetensorError, ValueError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> UsageError:
    """Returns the error for a file that cannot be read."""
    return UsageError(f"{path} is no safetensors file, or is damaged ({error}): get it again")


def digest(path: Path) -> str:
    """Returns the sha256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
