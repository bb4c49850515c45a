"""A folder of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.data import resample
from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import from_records
from jaxgen.data.records import Example
from jaxgen.data.sources.tiles import corners, tile_side
from jaxgen.data.splits import held_out
from jaxgen.errors import UsageError
from jaxgen.io import images


class Window(NamedTuple):
    """A square window of an image; all of the image where `side` is 0."""

    path: Path
    top: int = 0
    left: int = 0
    side: int = 0


class FolderRecords:
    """Images, or windows of images, by number."""

    def __init__(self, windows: list[Window]):
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows)

    def describe(self, index: int) -> str:
        """Returns the image's path."""
        return str(self.windows[index].path)

    def read(self, indices: Sequence[int]) -> list[Example]:
        """Returns the images or windows at these indices; an image is read once for consecutive windows."""
        examples, path, image = [], None, np.empty(0)
        for window in (self.windows[index] for index in indices):
            if window.path != path:
                path, image = window.path, resample.to_uint8(images.read(window.path) * 255)
            side = window.side or max(image.shape)
            examples.append({"image": image[window.top : window.top + side, window.left : window.left + side]})
        return examples


def load_folder(config: Config) -> Dataset:
    """Returns the images of a folder and of the folders in it, in the order of their paths.

    To be cropped at random, images of different sizes are cut into overlapping tiles of one size.

    Args:
      config: `dir`, `split` (every tenth image is test), `fit` and `size` count.
    Raises:
      UsageError: if there is no such folder, no image in it, or one that is smaller than the crop or unreadable.
    """
    paths = image_paths(config.dir)
    paths = [paths[index] for index in held_out(len(paths), config.split)]
    windows = tile(paths, config.size) if config.fit == "crop" and config.size else [Window(path) for path in paths]
    return from_records(FolderRecords(windows), np.arange(len(windows)), config)


def image_paths(folder: str) -> list[Path]:
    """Returns the images under a folder, sorted, or raises UsageError where there are none."""
    if not folder or not Path(folder).is_dir():
        raise UsageError(f"no folder of images at {folder!r}: set data.dir to its path")
    paths = sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in images.SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not paths:
        raise UsageError(f"no images in {folder} nor in its folders: looked for {', '.join(sorted(images.SUFFIXES))}")
    return paths


def tile(paths: list[Path], size: int) -> list[Window]:
    """Returns windows of one size that cover images of different sizes; full images where all are of one size."""
    shapes = [images.shape(path)[:2] for path in paths]
    smallest = min(range(len(paths)), key=lambda i: min(shapes[i]))
    if min(shapes[smallest]) < size:
        height, width = shapes[smallest]
        raise UsageError(f"{paths[smallest]} is {height}x{width}: smaller than the crop of {size}x{size}")
    if len(set(shapes)) == 1:
        return [Window(path) for path in paths]
    side = tile_side(size, min(shapes[smallest]))
    return [
        Window(path, top, left, side)
        for path, (height, width) in zip(paths, shapes, strict=True)
        for top, left in corners(height, width, side, size)
    ]
