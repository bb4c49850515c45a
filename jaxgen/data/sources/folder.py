"""A folder of images, with a class in each of its folders where there are any."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.data import labels, resample
from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import from_records
from jaxgen.data.records import Contents, Example, File
from jaxgen.data.sources.listing import Classes, Listing, find_classes, list_folder
from jaxgen.data.sources.tiles import Size, corners, tile_size
from jaxgen.data.sources.verification import Examined, examine, fingerprint, forget, lines, require_readable
from jaxgen.data.splits import choose_held_out
from jaxgen.errors import UsageError
from jaxgen.io import images

SPLITS = frozenset({"train", "test"})
"""Where the images are in two folders of these names, they are the splits."""


class Window(NamedTuple):
    """A window of an image; all of the image where `size` is None."""

    path: Path
    top: int = 0
    left: int = 0
    size: tuple[int, int] | None = None


class FolderRecords:
    """Images, or windows of images, by number.

    Attributes:
      root: the folder.
      windows: what is read, in the order of the images.
      white: value of white in 16-bit gray files.
      labels: the class of each image by its path; empty without classes.
    """

    def __init__(self, root: Path, windows: Sequence[Window], white: int, labels: dict[Path, int] | None = None):
        self.root, self.windows, self.white, self.labels = root, windows, white, labels or {}

    def __len__(self) -> int:
        return len(self.windows)

    def describe(self, index: int) -> str:
        """Returns the image's path."""
        return str(self.windows[index].path)

    def read(self, indices: Sequence[int]) -> list[Example]:
        """Returns the images or windows at these indices; an image is read once for consecutive windows.

        Raises:
          UsageError: if an image cannot be read. It is looked for at the next start, whatever its size and time say.
        """
        examples, path, image = [], None, np.empty((0, 0, 0))
        for window in (self.windows[index] for index in indices):
            if window.path != path:
                path, image = window.path, self.read_file(window.path)
            height, width = window.size or image.shape[:2]
            example: Example = {"image": image[window.top : window.top + height, window.left : window.left + width]}
            if self.labels:
                example["label"] = np.int32(self.labels[window.path])
            examples.append(example)
        return examples

    def read_file(self, path: Path) -> np.ndarray:
        """Returns one image as uint8[height, width, 1 or 3]."""
        try:
            return resample.to_uint8(images.read(path, self.white) * 255)
        except UsageError as error:
            forget(self.root, self.white)
            raise UsageError(f"{error}; repair it, or set data.skip_damaged") from error


class Chosen(NamedTuple):
    """The images of one split of a folder.

    Attributes:
      files: the images.
      shapes: (height, width, channels) of each.
      labels: int32[n]; None without classes.
      contents: what the whole folder holds.
    """

    files: tuple[File, ...]
    shapes: list[tuple[int, int, int]]
    labels: np.ndarray | None
    contents: Contents


def load_folder(config: Config) -> Dataset:
    """Returns the images of a folder and of the folders in it, in the order of their paths.

    Folders that hold all of the images, two or more, are their classes, numbered by their sorted names; below the two
    folders train and test, if there are no others. To be cropped at random, images of different sizes are cut into
    overlapping tiles of one size.

    Args:
      config: `dir`, `split` (a tenth of the images is test, see `choose_held_out`), `fit` and `size` count.
    Raises:
      UsageError: if there is no such folder, no image in it, or one that is smaller than the crop or unreadable.
    """
    listing = list_folder(config.dir)
    dataset = read_split(listing, config, decode=config.skip_damaged)
    if dataset.records is None or config.skip_damaged:
        return dataset
    return read_split(listing, config, decode=True)


def read_split(listing: Listing, config: Config, *, decode: bool) -> Dataset:
    """Returns the images of one split of a folder, after all images of the folder were examined; see `examine`."""
    chosen = choose(listing, examine(listing, decode=decode, white=config.white), config)
    paths = [listing.root / file.name for file in chosen.files]
    named = {} if chosen.labels is None else dict(zip(paths, chosen.labels.tolist(), strict=True))
    records = FolderRecords(listing.root, windows_of(paths, chosen.shapes, config), config.white, named)
    return from_records(records, np.arange(len(records)), config, chosen.contents)


def choose(listing: Listing, found: Sequence[Examined], config: Config) -> Chosen:
    """Returns the images of the split of a configuration.

    Args:
      listing: the images of the folder.
      found: what is known of each of them.
      config: its `split`, `hold_out`, `classes` and `skip_damaged` count.
    Raises:
      UsageError: if an image cannot be read and is not to be skipped, the classes are others, or the split is empty.
    """
    if not config.skip_damaged:
        require_readable(found)
    sound = [index for index, examined in enumerate(found) if not examined.error]
    if not sound:
        raise UsageError(f"none of the {len(found)} images in {listing.root} can be read: {found[0].error}")
    names = [listing.files[index].name for index in sound]
    tops = [name.partition("/")[0] for name in names]
    has_splits = set(tops) == SPLITS and all("/" in name for name in names)
    classes = find_classes([name.partition("/")[2] for name in names] if has_splits else names)
    require_classes(listing, classes, config)
    if has_splits and config.split in SPLITS:
        keep = np.flatnonzero(np.array(tops) == config.split)
    else:
        keep = choose_held_out(names, config.split, config.hold_out)
    if classes.labels is not None:
        labels.check_all_there(classes.labels[keep], config)
    split = [sound[index] for index in keep]
    kept = listing._replace(files=tuple(listing.files[index] for index in split))
    return Chosen(
        kept.files,
        [found[index].shape for index in split],
        None if classes.labels is None else classes.labels[keep],
        Contents(
            class_names=classes.names,
            files=fingerprint(kept, hash_contents=config.hash_contents),
            lines=lines([kept], found, config, len(keep), classes.line()),
            damaged=tuple(file.name for file, examined in zip(listing.files, found, strict=True) if examined.error),
        ),
    )


def require_classes(listing: Listing, classes: Classes, config: Config) -> None:
    """Raises UsageError where classes are asked for and the folder has none, or another number of them."""
    if not config.classes:
        return
    if classes.labels is None:
        raise UsageError(
            f"{listing.root} has no labels, and {config.classes} classes are asked for: {classes.reason}; "
            "move the images into a folder for each class, or leave data.classes at 0"
        )
    labels.check_number(classes.names, config, str(listing.root))


def windows_of(paths: Sequence[Path], shapes: Sequence[tuple[int, int, int]], config: Config) -> list[Window]:
    """Returns the windows that are read: whole images, or tiles of one size where images are cropped at random."""
    if config.fit != "crop" or config.frame is None:
        return [Window(path) for path in paths]
    return tile(paths, [shape[:2] for shape in shapes], config.frame)


def tile(paths: Sequence[Path], shapes: Sequence[Size], window: Size) -> list[Window]:
    """Returns windows of one size that cover images of different sizes; full images where all are of one size."""
    for path, (height, width) in zip(paths, shapes, strict=True):
        if height < window[0] or width < window[1]:
            raise UsageError(f"{path} is {height}x{width}: smaller than the crop of {window[0]}x{window[1]}")
    if len(set(shapes)) == 1:
        return [Window(path) for path in paths]
    size = tile_size(window, (min(height for height, _ in shapes), min(width for _, width in shapes)))
    return [
        Window(path, top, left, size)
        for path, shape in zip(paths, shapes, strict=True)
        for top, left in corners(shape, size, window)
    ]
