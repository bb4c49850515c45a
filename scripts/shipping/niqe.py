"""Fits the parameters of NIQE to photographs; see `jaxgen.metrics.naturalness`."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from jaxgen.data.sources.listing import image_paths
from jaxgen.errors import UsageError
from jaxgen.io import images, weights
from jaxgen.metrics.naturalness import natural_scene_features, pristine_model

SHARP = 0.75
"""Of the sharpest block of a photograph: blocks whose deviation is at least that share count."""
NAME = "niqe"

features = jax.jit(natural_scene_features)


def sharp_features(path: Path) -> np.ndarray:
    """Returns the features of the sharp blocks of a photograph, float32[blocks, 36]."""
    try:
        found, sharpness = (np.asarray(x[0]) for x in features(images.read(path)[None]))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    return found[(sharpness > SHARP * sharpness.max()) & np.isfinite(found).all(1)]


def make(folder: Path, data: str, terms: str, out: Path, say: Callable[[str], None]) -> str:
    """Fits the parameters, writes their file and returns the file's sha256.

    Args:
      folder: of undamaged photographs, each at least 192 pixels high and wide.
      data: what they are, for the card.
      terms: under which they are published.
      out: folder of the file.
      say: takes a line with the numbers of photographs and blocks.
    Raises:
      UsageError: if the folder has no images, one is too small, or the file cannot be written.
      ValueError: if the blocks are too few for a covariance.
    Reference: Mittal, Soundararajan, Bovik 2013, with T = 0.75.
    """
    paths = image_paths(str(folder))
    blocks = np.concatenate([sharp_features(path) for path in paths]).astype(np.float64)
    model = pristine_model(blocks.mean(0), np.cov(blocks, rowvar=False))
    count = f"{len(blocks)} blocks of {len(paths)} photographs"
    say(count)
    about = {
        "metric": NAME,
        "data": f"{data}, {count}",
        "license": terms,
        "command": f"scripts/results niqe {folder.name} --data '{data}' --terms '{terms}'",
    }
    return weights.write(out / f"{NAME}.safetensors", model, about)
