"""From files to files: each photograph beside its original, the original never touched, one bad file no end."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.io import images, photographs
from jaxgen.restoration.inference import Settings, Task, enlarged
from jaxgen.restoration.mask_files import mask_of, read_mask

COMPARED = "before-after"
LONGEST = 200  # characters of an error that are told


def outputs(path: Path, task: str, kind: str, folder: Path | None) -> tuple[Path, Path]:
    """Returns where the restored photograph goes, and the picture that compares it with the original.

    Args:
      path: of the original.
      task: its name.
      kind: Pillow's name of the format.
      folder: for the results; None: beside the original.
    """
    known = photographs.SUFFIXES[kind]
    # The original's own spelling, as in .jpeg or .JPG; a suffix that changes is told, as in a.gif-denoise.png.
    keeps = path.suffix.lower() in known
    name = f"{path.stem if keeps else path.name}-{task}"
    place = folder or path.parent
    out = place / f"{name}{path.suffix if keeps else known[0]}"
    return out, out.with_name(f"{out.name}-{COMPARED}.png")


def is_result(path: Path, tasks: Iterable[str]) -> bool:
    """Returns whether a file is named as a result of one of the tasks is, and its original lies beside it."""
    if path.name.endswith(f"-{COMPARED}.png"):
        return True
    originals = {path.stem.removesuffix(f"-{task}") for task in tasks if path.stem.endswith(f"-{task}")}
    return bool(originals) and any(
        other.name in originals or other.stem in originals for other in path.parent.iterdir()
    )


def photographs_in(path: Path, tasks: Iterable[str]) -> list[Path]:
    """Returns a file alone, or the pictures of a folder in the order of their names, without results of tasks.

    Raises:
      UsageError: if there is nothing at the path, or no picture in the folder.
    """
    if not path.exists():
        raise UsageError(f"no file or folder {path}")
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in images.SUFFIXES
        and file.is_file()
        and not file.name.startswith(".")
        and not is_result(file, tasks)
    )
    if not found:
        raise UsageError(f"no pictures in {path}: looked for {', '.join(sorted(images.SUFFIXES))}")
    return found


def gather(paths: Sequence[Path], tasks: Iterable[str], folder: Path | None, masks: Path | None = None) -> list[Path]:
    """Returns the photographs under several paths, each once.

    Args:
      paths: of files and folders.
      tasks: whose results are no photographs.
      folder: for all results; None: each beside its original.
      masks: see `restore_file`; a mask in a folder of photographs is none of them.
    Raises:
      UsageError: if there is nothing at a path, or two photographs would have one result.
    """
    if masks is not None and not masks.exists():
        raise UsageError(f"mask: no file or folder {masks}")
    found = {file.resolve(): file for path in paths for file in photographs_in(path, tasks)}
    if masks is not None and any(path.is_dir() for path in paths):
        found.pop(masks.resolve(), None)
    by_name: dict[str, Path] = {}
    for file in found.values() if folder else ():
        if (other := by_name.setdefault(file.name, file)) is not file:
            raise UsageError(f"{other} and {file} would have one result in {folder}: restore them into two folders")
    return list(found.values())


def restore_file(
    path: Path,
    task: str,
    act: Task,
    settings: Settings,
    *,
    masks: Path | None = None,
    folder: Path | None = None,
    compare: bool = False,
    overwrite: bool = False,
    megapixels: float = photographs.MEGAPIXELS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Restores one photograph and returns what happened, in one line.

    Args:
      path: of the original.
      task: its name, as it stands in the result's name.
      act: what the task does.
      settings: of the task.
      masks: the picture of the photograph's damage, or a folder of such pictures; see `masks`.
      folder: for the results; None: beside the original.
      compare: whether a picture with the original on the left and the result on the right is written too.
      overwrite: whether an earlier result is made again; without, it stays and nothing is done.
      megapixels: the most that is read.
      progress: takes the number of tiles done and that of all.
    Raises:
      UsageError: if it or its mask cannot be read, they do not fit together, or the result cannot be written.
    """
    begin = time.perf_counter()
    photograph = photographs.read(path, megapixels)
    out, compared = outputs(path, task, photograph.kind, folder)
    if not overwrite and out.exists() and (compared.exists() or not compare):
        return f"{out} is there already; --overwrite makes it again"
    check_folder(out.parent)
    if masks is not None:
        settings = settings._replace(mask=read_mask(mask_of(path, masks), photograph.pixels.shape, megapixels))
    result = act(photograph, settings, progress)
    scale = result.pixels.shape[0] // photograph.pixels.shape[0]
    alpha = None if photograph.alpha is None else enlarged(photograph.alpha, scale)
    photographs.write(out, photograph._replace(pixels=result.pixels, alpha=alpha))
    if compare:
        both = np.concatenate([enlarged(photograph.pixels, scale), result.pixels], 1)
        photographs.write(compared, photographs.Photograph(both, profile=photograph.profile))
    size = photograph.pixels.shape[0] * photograph.pixels.shape[1] / 1e6
    told = f"{result.told}, " if result.told else ""
    return f"{out}  {told}{size:.1f} megapixels in {time.perf_counter() - begin:.1f} s"


def check_folder(folder: Path) -> None:
    """Makes a folder, or raises UsageError where nothing can be written into it, before the work and not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into {folder}: permission denied; choose another folder with --out")


def tile_progress(stream: TextIO) -> Callable[[int, int], None]:
    """Returns what shows the tiles of a large picture on a terminal, and nothing elsewhere."""

    def show(done: int, total: int) -> None:
        if total > 1 and stream.isatty():
            stream.write(f"\rtile {done}/{total}" if done < total else "\r\x1b[K")
            stream.flush()

    return show


def restore_all(paths: Sequence[Path], restore: Callable[[Path], str], say: Callable[[str], None]) -> None:
    """Restores photographs one after the other; what goes wrong with one is told and the next is taken.

    Args:
      paths: of the originals.
      restore: restores one and returns what happened.
      say: takes a line for each.
    Raises:
      UnfinishedError: if some of several failed, with their names; whatever is raised if there is only one.
    """
    failed = []
    for index, path in enumerate(paths):
        count = f"[{index + 1}/{len(paths)}] " if len(paths) > 1 else ""
        try:
            say(count + restore(path))
        except UsageError as error:
            if len(paths) == 1:
                raise
            failed.append(path)
            say(f"{count}FAILED {error if str(path) in str(error) else f'{path}: {error}'}")
        except Exception as error:  # of whatever kind: the other photographs are not to wait for it
            if len(paths) == 1:
                raise
            failed.append(path)
            say(f"{count}FAILED {path}: {type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}")
    if failed:
        raise UnfinishedError(
            f"{len(failed)} of {len(paths)} failed, the others are done: {', '.join(path.name for path in failed)}"
        )
