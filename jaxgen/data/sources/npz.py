"""A NumPy archive of images, read with NumPy alone."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import from_arrays
from jaxgen.data.splits import held_out
from jaxgen.errors import UsageError, unknown

NAMES = ("image", "label", "test_image", "test_label")
PREFIXES = {"train": [""], "test": ["test_"], "all": ["", "test_"]}


def load_npz(config: Config) -> Dataset:
    """Returns the images of an archive and their labels.

    Args:
      config: its `dir` is an .npz file with `image` uint8[n, height, width, channel] or [n, height, width], and where
        there are any `label` integer[n], `test_image` and `test_label`. Without `test_image`, every tenth image is
        held out as test.
    Raises:
      UsageError: if the file is missing or damaged, or does not hold these arrays.
    """
    path, split = config.dir, config.split
    arrays = read(path)
    if "image" not in arrays:
        raise UsageError(f"{path} has no array named image: it needs image, and may have {', '.join(NAMES[1:])}")
    for prefix in ("", "test_"):
        image, label = arrays.get(f"{prefix}image"), arrays.get(f"{prefix}label")
        if label is not None and (image is None or label.shape != image.shape[:1]):
            raise UsageError(f"{path}: {prefix}label must hold one number for each of {prefix}image")
    if "test_image" not in arrays:
        keep = held_out(len(arrays["image"]), split)
        return from_arrays(arrays["image"][keep], arrays["label"][keep] if "label" in arrays else None, config)
    if split not in PREFIXES:
        raise unknown("split", split, PREFIXES)
    image = join(path, arrays, split, "image")
    assert image is not None  # `image` is there, see above
    return from_arrays(image, join(path, arrays, split, "label"), config)


def read(path: str) -> dict[str, np.ndarray]:
    """Returns the arrays that an archive holds, of those that belong to a set of images."""
    if not Path(path).is_file():
        raise UsageError(f"no .npz file at {path!r}: set data.dir to the path of an .npz file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in NAMES if name in archive}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(f"{path} is not an .npz file, or is damaged: {error}") from error


def join(path: str, arrays: dict[str, np.ndarray], split: str, name: str) -> np.ndarray | None:
    """Returns an array of one split, both parts of it for "all"; None where the archive has no such array."""
    parts = [arrays[prefix + name] for prefix in PREFIXES[split] if prefix + name in arrays]
    if len(parts) not in {0, len(PREFIXES[split])} or len({part.shape[1:] for part in parts}) > 1:
        raise UsageError(f"{path}: {name} and test_{name} must both be there, of one shape, for split {split!r}")
    return np.concatenate(parts) if parts else None
