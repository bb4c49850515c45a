"""Pairs of input and target images in two folders."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import from_records
from jaxgen.data.records import Contents, Example, File
from jaxgen.data.sources.folder import FolderRecords, windows_of
from jaxgen.data.sources.listing import Listing, list_folder
from jaxgen.data.sources.verification import examine, fingerprint, lines, require_readable
from jaxgen.data.splits import choose_held_out
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
      config: `dir` (the inputs), `target_dir` (the targets), `split` (a tenth of the pairs is test, see
        `choose_held_out`), `fit` and `size` count.
    Raises:
      UsageError: if a folder or an image's partner is missing, or one is smaller than the crop or unreadable.
    """
    if not config.target_dir:
        raise UsageError("pairs need two folders: set target_dir to the folder of target images")
    inputs, targets = match(list_folder(config.dir), list_folder(config.target_dir))
    dataset = read_split(inputs, targets, config, decode=config.skip_damaged)
    if dataset.records is None or config.skip_damaged:
        return dataset
    return read_split(inputs, targets, config, decode=True)


def match(inputs: Listing, targets: Listing) -> tuple[Listing, Listing]:
    """Returns the images of both folders in the order of their names, or raises UsageError where one has no partner."""
    named = [by_name(listing) for listing in (inputs, targets)]
    for (mine, others), (listing, other) in zip(
        (named, named[::-1]), ((inputs, targets), (targets, inputs)), strict=True
    ):
        if alone := sorted(mine.keys() - others.keys()):
            path = listing.root / mine[alone[0]].name
            raise UsageError(f"{path} has no partner in {other.root}: pairs have the same name in both")
    names = sorted(named[0])
    first, second = (tuple(files[name] for name in names) for files in named)
    return inputs._replace(files=first), targets._replace(files=second)


def by_name(listing: Listing) -> dict[str, File]:
    """Returns the images of a folder by their path in it without suffix, or raises UsageError where two share it."""
    named: dict[str, File] = {}
    for file in listing.files:
        name = str(PurePosixPath(file.name).with_suffix(""))
        if name in named:
            both = f"{listing.root / named[name].name} and {listing.root / file.name}"
            raise UsageError(f"{both} have one name: a pair must be unmistakable")
        named[name] = file
    return named


def read_split(inputs: Listing, targets: Listing, config: Config, *, decode: bool) -> Dataset:
    """Returns the pairs of one split, after all images of both folders were examined; see `examine`."""
    found = [examine(listing, decode=decode, white=config.white) for listing in (inputs, targets)]
    if not config.skip_damaged:
        for listing_found in found:
            require_readable(listing_found)
    sound = [index for index, pair in enumerate(zip(*found, strict=True)) if not any(x.error for x in pair)]
    if not sound:
        raise UsageError(f"none of the pairs in {inputs.root} and {targets.root} can be read")
    names = [str(PurePosixPath(inputs.files[index].name).with_suffix("")) for index in sound]
    keep = [sound[index] for index in choose_held_out(names, config.split, config.hold_out)]
    both = [listing._replace(files=tuple(listing.files[index] for index in keep)) for listing in (inputs, targets)]
    paths = [[listing.root / file.name for file in listing.files] for listing in both]
    windows = windows_of(paths[0], [found[0][index].shape for index in keep], config)
    partner = dict(zip(*paths, strict=True))
    records = PairRecords(
        FolderRecords(inputs.root, windows, config.white),
        FolderRecords(targets.root, [window._replace(path=partner[window.path]) for window in windows], config.white),
    )
    files = [fingerprint(listing, hash_contents=config.hash_contents) for listing in both]
    # Of a damaged pair one line says why.
    pairs = [target if target.error else image for image, target in zip(*found, strict=True)]
    contents = Contents(
        files=(*files[0], *(file._replace(name=f"target/{file.name}") for file in files[1])),
        lines=lines(both, pairs, config, len(keep)),
        damaged=tuple(
            prefix + file.name
            for prefix, listing in (("", inputs), ("target/", targets))
            for file, pair in zip(listing.files, pairs, strict=True)
            if pair.error
        ),
    )
    return from_records(records, np.arange(len(windows)), config, contents)
