"""Trained variables in safetensors files, which hold arrays and metadata and never code."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgen.errors import UsageError
from jaxgen.io.text import parse_json

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
    # Of a type that NumPy does not have, safetensors raises AttributeError or TypeError.
    except (SafetensorError, ValueError, AttributeError, TypeError, OSError) as error:
        raise damaged(path, error) from None
    check_names(path, flat)
    return unflatten_dict(flat, sep="/"), metadata


def check_names(path: Path, names: Collection[str]) -> None:
    """Raises UsageError where the names of arrays do not make nested dicts."""
    for name in names:
        parts = name.split("/")
        if not all(parts) or any("/".join(parts[:count]) in names for count in range(1, len(parts))):
            raise damaged(path, ValueError(f"array {name!r:.100} is empty, or within another array"))


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
            metadata = parse_json((file.metadata() or {}).get(METADATA, "{}"))
    except (SafetensorError, ValueError, OSError) as error:
        raise damaged(path, error) from None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise damaged(path, ValueError("its metadata are no text by name"))
    return metadata


def damaged(path: Path, error: Exception) -> UsageError:
    """Returns the error for a file that cannot be read."""
    reason = " ".join(str(error).split())[:200]
    return UsageError(f"{path} is no safetensors file, or is damaged ({reason}): get it again")


def digest(path: Path) -> str:
    """Returns the sha256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def describe_arrays(variables: PyTree) -> dict[str, tuple]:
    """Returns shape and dtype of each array of nested dicts, by its path."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): (tuple(x.shape), str(x.dtype))
        for path, x in jax.tree_util.tree_leaves_with_path(variables)
    }


def require_arrays(path: Path, network: str, variables: PyTree, expected: Mapping[str, tuple], remedy: str) -> None:
    """Raises UsageError if a file has not the arrays of a network.

    Args:
      path: of the file.
      network: its name.
      variables: content of the file.
      expected: arrays of the network; see `describe_arrays`.
      remedy: what writes such a file.
    """
    arrays = describe_arrays(variables)
    if missing := sorted(expected.keys() - arrays.keys()):
        raise UsageError(
            f"{path} does not hold {network}: {missing[0]} is missing, and {len(missing)} of {len(expected)} arrays "
            f"are; {remedy}"
        )
    if unexpected := sorted(arrays.keys() - expected.keys()):
        raise UsageError(f"{path} does not hold {network}, which has no {unexpected[0]}; {remedy}")
    for name, (shape, dtype) in expected.items():
        if arrays[name] != (shape, dtype):
            given = f"{arrays[name][1]}{list(arrays[name][0])}"
            raise UsageError(
                f"{path} does not hold {network}: {name} is {given} and not {dtype}{list(shape)}; {remedy}"
            )
