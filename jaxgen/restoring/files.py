"""From files to files: each photograph beside its original, the original never touched, one bad file no end."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from jaxgen import images, photographs
from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.restoring.tasks import Settings, Task

COMPARED = "before-after"


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
    return place / f"{name}{path.suffix if keeps else known[0]}", place / f"{name}-{COMPARED}.png"


def is_result(path: Path, tasks: Sequence[str]) -> bool:
    """Returns whether a file was written by `outputs`."""
    return any(path.stem.endswith((f"-{task}", f"-{task}-{COMPARED}")) for task in tasks)


def photographs_in(path: Path, tasks: Sequence[str]) -> list[Path]:
    """Returns a file alone, or the pictures of a folder in the order of their names, without earlier results.

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
        if file.suffix.lower() in images.SUFFIXES and not file.name.startswith(".") and not is_result(file, tasks)
    )
    if not found:
        raise UsageError(f"no pictures in {path}: looked for {', '.join(sorted(images.SUFFIXES))}")
    return found


def restore_file(
    path: Path,
    task: str,
    act: Task,
    settings: Settings,
    *,
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
      folder: for the results; None: beside the original.
      compare: whether a picture with the original on the left and the result on the right is written too.
      overwrite: whether an earlier result is made again; without, it stays and nothing is done.
      megapixels: the most that is read.
      progress: takes the number of tiles done and that of all.
    Raises:
      UsageError: if it cannot be read, or the result not written.
    """
    begin = time.perf_counter()
    photograph = photographs.read(path, megapixels)
    out, compared = outputs(path, task, photograph.kind, folder)
    if out.exists() and not overwrite:
        return f"{out} is there already; --overwrite makes it again"
    result = act(photograph.pixels, settings, progress)
    photographs.write(out, photograph._replace(pixels=result.pixels))
    if compare:
        images.write(compared, np.concatenate([photograph.pixels, result.pixels], 1))
    size = photograph.pixels.shape[0] * photograph.pixels.shape[1] / 1e6
    return f"{out}  {result.told}, {size:.1f} megapixels in {time.perf_counter() - begin:.1f} s"


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
      UnfinishedError: if some failed, with their names; UsageError if there is only one and it failed.
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
            say(f"{count}FAILED {error}")
    if failed:
        raise UnfinishedError(
            f"{len(failed)} of {len(paths)} failed, the others are done: {', '.join(path.name for path in failed)}"
        )
