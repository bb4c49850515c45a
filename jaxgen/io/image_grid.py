"""Pictures as files: one grid, and each on its own."""

from pathlib import Path

import numpy as np

from jaxgen.io import images


def write_all(folder: Path, pictures: np.ndarray) -> Path:
    """Writes grid.png and 0000.png, 0001.png, … into a folder and returns the grid's path.

    Args:
      folder: made where it is missing.
      pictures: float[n, h, w, c] in [0, 1].
    Raises:
      UsageError: if one of them cannot be written.
    """
    pictures = np.asarray(pictures)
    for number, picture in enumerate(pictures):
        images.write(folder / f"{number:04d}.png", picture)
    path = folder / "grid.png"
    images.write(path, images.grid(pictures))
    return path
