"""Pairs of input and target images in two folders."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import from_records
from jaxgen.data.records import Example
from jaxgen.data.sources.folder import FolderRecords, Window, image_paths, tile
from jaxgen.data.splits import held_out
from jaxgen.errors import UsageError


class PairRecords:
    """Pairs of images, or of the same window of both, by number."""

    def __init__(self, images: FolderRecords, targets: FolderRecords):
        self.images, self.targets = images, targets

    def __len__(self) -> int:
        return len(self.images)

    def describe(self, index: int) -> str:
        """Returns the paths of both images."""
        return f"{self.images.describe(index)} with {self.targets.describe(index)}"

    def read(self, indices: Sequence[int]) -> list[Example]:
        """Returns the pairs at these indices.

        Raises:
          UsageError: if the images of a pair differ in size.
        """
        pairs = list(zip(self.images.read(indices), self.targets.read(indices), strict=True))
        for index, (image, target) in zip(indices, pairs, strict=True):
            sizes = [f"{x['image'].shape[0]}x{x['image'].shape[1]}" for x in (image, target)]
            if sizes[0] != sizes[1]:
                raise UsageError(
                    f"{self.describe(index)}: {sizes[0]} and {sizes[1]} pixels; a pair must be of one size"
                )
        return [{"image": image["image"], "target": target["image"]} for image, target in pairs]


def load_pairs(config: Config) -> Dataset:
    """Returns the images of two folders that have the same path within them, up to the suffix.

    Args:
      config: `dir` (the inputs), `target_dir` (the targets), `split` (every tenth pair is test),
        `fit` and `size` count.
    Raises:
      UsageError: if a folder or an image's partner is missing, or one is smaller than the crop or unreadable.
    """
    if not config.target_dir:
        raise UsageError("pairs need two folders: set target_dir to the folder of target images")
    paths = {folder: by_name(folder) for folder in (config.dir, config.target_dir)}
    for folder, other in ((config.dir, config.target_dir), (config.target_dir, config.dir)):
        if alone := sorted(paths[folder].keys() - paths[other].keys()):
            raise UsageError(f"{paths[folder][alone[0]]} has no partner in {other}: pairs have the same name in both")
    names = sorted(paths[config.dir])
    names = [names[index] for index in held_out(len(names), config.split)]
    images, targets = ([paths[folder][name] for name in names] for folder in (config.dir, config.target_dir))
    windows = tile(images, config.size) if config.fit == "crop" and config.size else [Window(path) for path in images]
    partner = dict(zip(images, targets, strict=True))
    records = PairRecords(
        FolderRecords(windows), FolderRecords([window._replace(path=partner[window.path]) for window in windows])
    )
    return from_records(records, np.arange(len(windows)), config)


def by_name(folder: str) -> dict[str, Path]:
    """Returns the images of a folder by their path in it without suffix, or raises UsageError where two share it."""
    named: dict[str, Path] = {}
    for path in image_paths(folder):
        name = str(path.relative_to(folder).with_suffix(""))
        if name in named:
            raise UsageError(f"{named[name]} and {path} have one name: a pair must be unmistakable")
        named[name] = path
    return named
