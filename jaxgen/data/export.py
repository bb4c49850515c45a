"""Writes a set of images to one .npz file, which NumPy alone reads."""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxgen.data.config import Config
from jaxgen.data.loading import load
from jaxgen.errors import UsageError
from jaxgen.io.text import unfinished_path

HELD = 1e6
"""GiB of memory that a set may take."""


def gather_splits(config: Config) -> dict[str, np.ndarray]:
    """Returns the images of both splits of a data set, or of one, as the arrays of an archive.

    Args:
      config: its `split` is "both", or the name of one.
    Returns:
      {"image": uint8[n, height, width, channel], "label" and "class_names" where there are any, and of both splits
      "test_image" and "test_label"}.
    Raises:
      UsageError: if the set cannot be loaded, or is no set of single images that are stored.
    """
    both = config.split == "both"
    arrays: dict[str, np.ndarray] = {}
    for split in ("train", "test") if both else (config.split,):
        dataset = load(dataclasses.replace(config, split=split, memory=HELD))
        if dataset.stack > 1 or "target" in dataset.arrays:
            raise UsageError(f"{config.name} has no single images that are stored: export the set that it is made of")
        prefix = "test_" if both and split == "test" else ""
        arrays |= {prefix + name: values for name, values in dataset.arrays.items()}
        if names := dataset.contents.class_names:
            arrays["class_names"] = np.array(names)
    return arrays


def write_archive(path: Path, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Writes an .npz file that is never visible half-written, and returns a line for each array.

    Raises:
      UsageError: if it cannot be written.
    """
    unfinished = unfinished_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    return [f"{path}: {name} {values.dtype}{list(values.shape)}" for name, values in arrays.items()]
