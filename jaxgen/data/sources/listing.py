"""The images under a folder, their classes, and what else is there."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.data.records import File
from jaxgen.errors import UsageError
from jaxgen.io import images

SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"})
"""Folders in which macOS, Synology's disk stations and Windows put copies, thumbnails and deleted files."""
MAX_NAMED = 3
"""Names that a line about several lists."""
MAX_CLASSES = 10
"""Classes that a line lists."""

HIDDEN = "hidden or of the system"
OTHERS = "no image by the suffix"
BROKEN = "a link to nothing"
TWICE = "a link to a folder that is there already, or that contains it"


class Listing(NamedTuple):
    """The images under a folder.

    Attributes:
      root: the folder.
      files: the images, in the order of their paths.
      skipped: the names of everything else, by the reason.
    """

    root: Path
    files: tuple[File, ...]
    skipped: dict[str, list[str]]

    def path(self, index: int) -> Path:
        """Returns the path of an image."""
        return self.root / self.files[index].name

    def skipped_line(self) -> str:
        """Returns what was skipped and why, in one line; empty where nothing was."""
        parts = [f"{len(names)} {reason} ({some(names)})" for reason, names in self.skipped.items()]
        return f"skipped in {self.root}: {'; '.join(parts)}" if parts else ""


def some(names: Sequence[str], limit: int = MAX_NAMED) -> str:
    """Returns the first of several names, separated by commas."""
    return ", ".join([*names[:limit], *(["…"] if len(names) > limit else [])])


def list_folder(folder: str | os.PathLike) -> Listing:
    """Returns the images under a folder. Links to folders are followed, each folder is entered once.

    Raises:
      UsageError: if there is no such folder, no image in it, or one of its folders cannot be read.
    """
    root = Path(folder)
    if not str(folder) or not root.is_dir():
        raise UsageError(f"no folder of images at {str(folder)!r}: set data.dir to its path")
    files: list[File] = []
    skipped: dict[str, list[str]] = {}
    links: list[tuple[str, str]] = []
    seen = {identity(root)}

    def skip(reason: str, name: str) -> None:
        skipped.setdefault(reason, []).append(name)

    def enter(path: str, prefix: str) -> None:
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            raise UsageError(f"cannot read the folder {path}: {error.strerror}; make it readable or move it") from error
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith(".") or entry.name in SYSTEM_FOLDERS:
                skip(HIDDEN, name)
            elif entry.is_symlink() and entry.is_dir():
                links.append((entry.path, name))
            elif entry.is_dir():
                seen.add(identity(entry.path))
                enter(entry.path, f"{name}/")
            elif not entry.is_file():
                skip(BROKEN, name)
            elif (suffix := Path(entry.name).suffix).lower() not in images.SUFFIXES:
                skip(OTHERS, name)
            elif reason := images.missing_reader(suffix):
                skip(reason, name)
            else:
                status = entry.stat()
                files.append(File(name, status.st_size, status.st_mtime_ns))

    enter(str(root), "")
    # After the folders themselves, so that a link never takes the place of the folder that it points to.
    while links:
        path, name = links.pop(0)
        if identity(path) in seen:
            skip(TWICE, name)
        else:
            seen.add(identity(path))
            enter(path, f"{name}/")
    listing = Listing(root, tuple(sorted(files, key=lambda file: file.name.split("/"))), skipped)
    if not files:
        others = listing.skipped_line()
        raise UsageError(
            f"no images in {folder} nor in its folders: looked for {', '.join(sorted(images.SUFFIXES))}"
            f"{others and f'; {others}'}"
        )
    return listing


def identity(path: str | os.PathLike) -> tuple[int, int]:
    """Returns what a folder's paths have in common, links among them."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def image_paths(folder: str | os.PathLike) -> list[Path]:
    """Returns the paths of the images under a folder; see `list_folder`."""
    listing = list_folder(folder)
    return [listing.root / file.name for file in listing.files]


class Classes(NamedTuple):
    """The classes of images, by the folders that they are in.

    Attributes:
      names: of the classes, sorted; empty where the images have none.
      labels: int32[n], the index of each image's class; None where there are none.
      reason: why there are none.
    """

    names: tuple[str, ...]
    labels: np.ndarray | None
    reason: str = ""

    def line(self) -> str:
        """Returns the classes with the number of images of each, in one line; empty where there are none."""
        if self.labels is None:
            return ""
        counts = [f"{name} {count:,}" for name, count in zip(self.names, np.bincount(self.labels), strict=True)]
        return f"{len(self.names)} classes: {some(counts, MAX_CLASSES)}"


def find_classes(names: Sequence[str]) -> Classes:
    """Returns the classes of images: two or more folders that hold all of them.

    Args:
      names: of the images, paths below the folder.
    """
    tops = [top for name in names for top, slash, _ in [name.partition("/")] if slash]
    found = sorted(set(tops))
    if len(found) < 2:
        return Classes((), None, "a class is a folder in it, and it has no two folders with images")
    if len(tops) < len(names):
        alone = [name for name in names if "/" not in name]
        return Classes((), None, f"a class is a folder in it, and {len(alone)} images lie outside ({some(alone)})")
    index = {name: number for number, name in enumerate(found)}
    return Classes(tuple(found), np.array([index[top] for top in tops], np.int32))


def size_line(shapes: Sequence[tuple[int, int, int]]) -> str:
    """Returns the sizes of images in one line: the most frequent ones, and the smallest and the largest."""
    sizes = Counter((height, width) for height, width, _ in shapes)
    line = ", ".join(f"{h}x{w} ({count:,})" for (h, w), count in sizes.most_common(MAX_NAMED))
    if len(sizes) > MAX_NAMED:
        (low, lower), (high, higher) = (extreme(sizes, key=lambda size: size[0] * size[1]) for extreme in (min, max))
        line += f" and {len(sizes) - MAX_NAMED} more from {low}x{lower} to {high}x{higher}"
    return f"height x width {line}"
