"""Finds the photographs in folders, and says what else is there and why it is left alone."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxgen.data.sources.listing import SYSTEM_FOLDERS
from jaxgen.errors import UsageError
from jaxgen.io import images, provenance
from jaxgen.restoration.masks import belongs_to

COMPARISON = "before-after"
"""What the name of an image that compares a result with its original ends in."""
MAX_NAMED = 3
"""Files that a line about several names."""

RESULTS = "results of earlier runs"
MASKS = "masks of photographs"
SUBFOLDERS = "subfolders: --recursive goes into them"
HIDDEN = "hidden files"
OTHERS = "files that are no images, by their suffix"


class Item(NamedTuple):
    """A photograph that was found.

    Attributes:
      path: of the file.
      subfolder: in which it lies, below the folder that was given.
    """

    path: Path
    subfolder: Path = Path()


class Listing(NamedTuple):
    """What was found.

    Attributes:
      photographs: each once, in the order of the paths that were given, those of a folder sorted.
      skipped: other files and folders, by the reason.
    """

    photographs: list[Item]
    skipped: dict[str, list[Path]]

    def lines(self) -> list[str]:
        """Returns a line for each reason, with the number of files and the names of the first ones."""
        return [f"skipped {len(paths)} {reason} ({first_names(paths)})" for reason, paths in self.skipped.items()]


def list_images(path: Path) -> list[Path]:
    """Returns a file alone, or the images of a folder sorted by name.

    Raises:
      UsageError: if there is nothing at the path, or no image in the folder.
    """
    if not path.exists():
        raise UsageError(f"no file or folder {path}")
    if not path.is_dir():
        return [path]
    found = [file for file, kind in sort(path, (), None) if kind in {"", RESULTS} or kind.startswith(MASKS)]
    if not found:
        raise no_images(path, "")
    return found


def no_images(path: Path, others: str) -> UsageError:
    """Returns the error for a folder without images, with what is there instead."""
    return UsageError(f"no images in {path}: looked for {', '.join(sorted(images.SUFFIXES))}{others and f'; {others}'}")


def first_names(paths: Sequence[Path]) -> str:
    """Returns the names of the first of several paths."""
    names = ", ".join(path.name for path in paths[:MAX_NAMED])
    return f"{names}, …" if len(paths) > MAX_NAMED else names


def find_photographs(
    paths: Sequence[Path],
    tasks: Iterable[str],
    *,
    masks: Path | None = None,
    out: Path | None = None,
    recursive: bool = False,
) -> Listing:
    """Returns the photographs under several paths.

    Args:
      paths: of files and folders. A file is taken whatever its name is.
      tasks: names whose results are no photographs.
      masks: an image or a folder of images; they are no photographs either.
      out: folder of results, which is not searched.
      recursive: whether folders in folders are searched too.
    Raises:
      UsageError: if there is nothing at a path, or no photograph in a folder.
    """
    if masks is not None and not masks.exists():
        raise UsageError(f"mask: no file or folder {masks}")
    tasks, skipped, found = tuple(tasks), {}, {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"no file or folder {path}")
        if not path.is_dir():
            found.setdefault(path.resolve(), Item(path))
            continue
        here: dict[str, list[Path]] = {}
        kinds = {}
        for folder in folders_in(path, masks, out, recursive, here):
            kinds |= dict(sort(folder, tasks, masks))
        if "" not in kinds.values():
            raise no_images(path, "; ".join(Listing([], here | by_kind(kinds)).lines()))
        for file, kind in kinds.items():
            if not kind:
                found.setdefault(file.resolve(), Item(file, file.parent.relative_to(path)))
        for reason, files in (by_kind(kinds) | here).items():
            skipped.setdefault(reason, []).extend(files)
    return Listing(list(found.values()), skipped)


def by_kind(kinds: dict[Path, str]) -> dict[str, list[Path]]:
    """Returns the files of each reason for which they are skipped."""
    groups: dict[str, list[Path]] = {}
    for file, kind in kinds.items():
        if kind:
            groups.setdefault(kind, []).append(file)
    return groups


def folders_in(
    path: Path, masks: Path | None, out: Path | None, recursive: bool, skipped: dict[str, list[Path]]
) -> Iterator[Path]:
    """Yields a folder and those in it, in the order of their paths.

    Args:
      path: of the folder.
      masks, out, recursive: see `find_photographs`.
      skipped: takes the folders that are left out, by the reason.
    """
    yield path
    others = {other.resolve() for other in (masks, out) if other is not None}
    for folder in sorted(file for file in path.iterdir() if file.is_dir()):
        if folder.name.startswith(".") or folder.name in SYSTEM_FOLDERS:
            skipped.setdefault(HIDDEN, []).append(folder)
        elif folder.resolve() in others:
            continue
        elif not recursive:
            skipped.setdefault(SUBFOLDERS, []).append(folder)
        elif folder.is_symlink():
            skipped.setdefault("links to folders", []).append(folder)
        else:
            yield from folders_in(folder, masks, out, recursive, skipped)


def sort(folder: Path, tasks: Sequence[str], masks: Path | None) -> Iterator[tuple[Path, str]]:
    """Yields each file of a folder with the reason why it is skipped, empty for a photograph."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    readable = [file for file in files if file.suffix.lower() in images.SUFFIXES and not file.name.startswith(".")]
    names = {name for file in readable for name in (file.name, file.stem)}
    for file in files:
        if file.name.startswith("."):
            yield file, HIDDEN
        elif file.suffix.lower() not in images.SUFFIXES:
            yield file, OTHERS
        elif masks is not None and file.resolve() == masks.resolve():
            yield file, MASKS
        elif belongs_to(file, names - {file.name, file.stem}):
            yield file, MASKS if masks is not None else f"{MASKS}, which --mask would use"
        elif is_result(file, tasks, names):
            yield file, RESULTS
        else:
            yield file, images.missing_reader(file.suffix)


def is_result(path: Path, tasks: Iterable[str], names: set[str]) -> bool:
    """Returns whether a file is the result of one of the tasks, by its note, or by its name beside its original's.

    Args:
      path: of the file.
      tasks: names of the tasks.
      names: of the images in its folder, with and without their suffixes.
    """
    if path.name.endswith(f"-{COMPARISON}.png") or provenance.read(path) is not None:
        return True
    return any(path.stem.endswith(f"-{task}") and path.stem.removesuffix(f"-{task}") in names for task in tasks)
