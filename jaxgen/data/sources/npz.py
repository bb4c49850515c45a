"""A NumPy archive of images, read with NumPy alone."""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from jaxgen.data import labels
from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import check_image, from_arrays
from jaxgen.data.records import Contents
from jaxgen.data.splits import held_out
from jaxgen.errors import UsageError, unknown
from jaxgen.host_memory import require_room

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
NAMES = ("image", "label", "test_image", "test_label", "class_names")
PREFIXES = {"train": [""], "test": ["test_"], "all": ["", "test_"]}


def load_npz(config: Config) -> Dataset:
    """Returns the images of an archive and their labels.

    Args:
      config: its `dir` is an .npz file with `image` uint8[n, height, width, channel] or [n, height, width], and where
        there are any `label` integer[n], `test_image`, `test_label` and `class_names`, a text for each class. Without
        `test_image`, every tenth image is held out as test.
    Raises:
      UsageError: if the file is missing or damaged, or does not hold these arrays.
    """
    path, split = config.dir, config.split
    arrays = read(path)
    if "image" not in arrays:
        raise UsageError(f"{path} has no array named image: it needs image, and may have {', '.join(NAMES[1:])}")
    for prefix in ("", "test_"):
        if f"{prefix}image" in arrays:
            check_image(arrays[f"{prefix}image"].shape)
        image, label = arrays.get(f"{prefix}image"), arrays.get(f"{prefix}label")
        if label is not None and (image is None or label.shape != image.shape[:1]):
            raise UsageError(f"{path}: {prefix}label must hold one number for each of {prefix}image")
    contents = Contents(class_names=read_class_names(path, arrays, config))
    if "test_image" not in arrays:
        keep = held_out(len(arrays["image"]), split)
        label = arrays["label"][keep] if "label" in arrays else None
        return from_arrays(arrays["image"][keep], label, config, contents)
    if split not in PREFIXES:
        raise unknown("split", split, PREFIXES)
    image = join(path, arrays, split, "image")
    assert image is not None  # `image` is there, see above
    return from_arrays(image, join(path, arrays, split, "label"), config, contents)


def read_class_names(path: str, arrays: dict[str, np.ndarray], config: Config) -> tuple[str, ...]:
    """Returns the names of the classes in an archive; none where it has none."""
    names = arrays.get("class_names", np.empty(0, str))
    if names.ndim != 1 or names.dtype.kind != "U":
        raise UsageError(
            f"{path}: class_names is {names.dtype}{list(names.shape)}: give an array of texts, one a class"
        )
    labels.check_number(tuple(names.tolist()), config, path)
    return tuple(names.tolist())


def read(path: str) -> dict[str, np.ndarray]:
    """Returns the arrays that an archive holds, of those that belong to a set of images."""
    if not Path(path).is_file():
        raise UsageError(f"no .npz file at {path!r}: set data.dir to the path of an .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.namelist()
            return {name: read_array(path, archive, name) for name in NAMES if f"{name}.npy" in found}
    except UsageError:
        raise
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(f"{path} is not an .npz file, or is damaged: {error}") from error


def read_array(path: str, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Returns one array of an archive.

    Raises:
      UsageError: if it holds Python objects, is cut off, or does not fit in memory.
    """
    with archive.open(f"{name}.npy") as file:
        read_header = HEADERS.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise ValueError(f"{name} has an unknown format")
        shape, _, dtype = read_header(file)
        if dtype.hasobject:
            raise UsageError(f"{path}: {name} holds Python objects: save numbers, as in {name}.astype(int)")
        claimed = math.prod(shape) * dtype.itemsize
        if claimed != (stored := archive.getinfo(f"{name}.npy").file_size - file.tell()):
            raise UsageError(f"{path}: {name} is damaged: {claimed} bytes by its shape {shape}, and it has {stored}")
        require_room(claimed, f"{path}: {name} of shape {shape}", "give fewer images, or a folder of them")
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def join(path: str, arrays: dict[str, np.ndarray], split: str, name: str) -> np.ndarray | None:
    """Returns an array of one split, both parts of it for "all"; None where the archive has no such array."""
    parts = [arrays[prefix + name] for prefix in PREFIXES[split] if prefix + name in arrays]
    if len(parts) not in {0, len(PREFIXES[split])} or len({part.shape[1:] for part in parts}) > 1:
        raise UsageError(f"{path}: {name} and test_{name} must both be there, of one shape, for split {split!r}")
    return np.concatenate(parts) if parts else None
