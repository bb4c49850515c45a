"""Writes images into a folder: a grid of all, and each in a file."""

from pathlib import Path

import numpy as np

from jaxgen.io import images


def write_all(folder: Path, samples: np.ndarray) -> Path:
    """Writes grid.png and 0000.png, 0001.png, … into a folder and returns the grid's path.

    Args:
      folder: created if missing.
      samples: float[n, h, w, c] in [0, 1].
    Raises:
      UsageError: if one of them cannot be written.
    """
    samples = np.asarray(samples)
    for index, sample in enumerate(samples):
        images.write(folder / f"{index:04d}.png", sample)
    path = folder / "grid.png"
    images.write(path, images.grid(samples))
    return path
