"""Digests of a state: a SHA-256 of each leaf's bits, and one of the whole state."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from jaxgen.runs.disk.leaves import Layout, layout, to_arrays
from jaxgen.training.state import PyTree


def fingerprint(state: PyTree) -> Layout:
    """Returns {"dtype", "shape", "sha256"} of every leaf by path, fetched from any device."""
    arrays = jax.device_get(jax.tree.leaves(to_arrays(state)))
    with ThreadPoolExecutor() as threads:  # Hashing releases the interpreter's lock.
        hashes = list(threads.map(lambda x: hash_bytes(np.ascontiguousarray(x).reshape(-1).view(np.uint8)), arrays))
    described = layout(state).items()
    return {path: leaf | {"sha256": hashed} for (path, leaf), hashed in zip(described, hashes, strict=True)}


def digest(state: PyTree) -> str:
    """Returns one SHA-256 of a whole state, equal exactly where all bits are equal."""
    return hash_json(fingerprint(state))


def hash_bytes(data: bytes | np.ndarray) -> str:
    """Returns the SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data if isinstance(data, bytes) else data.data).hexdigest()


def hash_json(value: Any) -> str:
    """Returns the SHA-256 of plain values, hexadecimal, whatever the order of their keys."""
    return hash_bytes(json.dumps(value, sort_keys=True).encode())
