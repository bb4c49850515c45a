"""Restores photograph files: results are written to the folders of the originals, and an error stops no other file."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.io import images, photographs
from jaxgen.restoration.inference import Restoration, Settings, upsampled
from jaxgen.restoration.masks import Color, find_mask, read_mask
from jaxgen.restoration.restorer import Progress, no_progress

COMPARISON = "before-after"
MAX_ERROR_LENGTH = 200
"""Characters of an unexpected error that are shown."""


def output_paths(path: Path, task: str, kind: str, folder: Path | None) -> tuple[Path, Path]:
    """Returns the paths of a restored photograph, and of the image that compares it with the original.

    Args:
      path: of the original.
      task: its name.
      kind: Pillow's name of the format.
      folder: for the results; None: the folder of the original.
    """
    suffixes = photographs.SUFFIXES[kind]
    # The original's own spelling, as in .jpeg or .JPG; another suffix is kept, as in a.gif-denoise.png.
    is_same_format = path.suffix.lower() in suffixes
    name = f"{path.stem if is_same_format else path.name}-{task}"
    out = (folder or path.parent) / f"{name}{path.suffix if is_same_format else suffixes[0]}"
    return out, out.with_name(f"{out.name}-{COMPARISON}.png")


def is_result(path: Path, tasks: Iterable[str]) -> bool:
    """Returns whether a file has the name of a result of one of the tasks, and its original is in the same folder."""
    if path.name.endswith(f"-{COMPARISON}.png"):
        return True
    originals = {path.stem.removesuffix(f"-{task}") for task in tasks if path.stem.endswith(f"-{task}")}
    return bool(originals) and any(
        other.name in originals or other.stem in originals for other in path.parent.iterdir()
    )


def list_photographs(path: Path, tasks: Iterable[str]) -> list[Path]:
    """Returns a file alone, or the images of a folder sorted by name, without results of tasks.

    Raises:
      UsageError: if there is nothing at the path, or no image in the folder.
    """
    if not path.exists():
        raise UsageError(f"no file or folder {path}")
    if not path.is_dir():
        return [path]
    files = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in images.SUFFIXES
        and file.is_file()
        and not file.name.startswith(".")
        and not is_result(file, tasks)
    )
    if not files:
        raise UsageError(f"no images in {path}: looked for {', '.join(sorted(images.SUFFIXES))}")
    return files


def collect_photographs(
    paths: Sequence[Path], tasks: Iterable[str], folder: Path | None, masks: Path | None = None
) -> list[Path]:
    """Returns the photographs under several paths, each once.

    Args:
      paths: of files and folders.
      tasks: names whose results are no photographs.
      folder: for all results; None: each in the folder of its original.
      masks: see `restore_file`; a mask inside a folder of photographs is left out.
    Raises:
      UsageError: if there is nothing at a path, or two photographs would have the same result file.
    """
    if masks is not None and not masks.exists():
        raise UsageError(f"mask: no file or folder {masks}")
    by_path = {file.resolve(): file for path in paths for file in list_photographs(path, tasks)}
    if masks is not None and any(path.is_dir() for path in paths):
        by_path.pop(masks.resolve(), None)
    by_name: dict[str, Path] = {}
    for file in by_path.values() if folder else ():
        if (other := by_name.setdefault(file.name, file)) is not file:
            raise UsageError(f"{other} and {file} would have one result in {folder}: restore them into two folders")
    return list(by_path.values())


def restore_file(
    path: Path,
    task: str,
    restoration: Restoration,
    settings: Settings,
    *,
    masks: Path | None = None,
    mask_color: Color | None = None,
    folder: Path | None = None,
    compare: bool = False,
    overwrite: bool = False,
    megapixels: float = photographs.MEGAPIXELS,
    scale: int = 1,
    progress: Progress = no_progress,
) -> str:
    """Restores one photograph, writes the result, and returns a one-line report.

    Args:
      path: of the original.
      task: its name, part of the result's name.
      restoration: the function of the task.
      settings: of the restoration.
      masks: image of the photograph's damage, or a folder of such images; see `masks.find_mask`.
      mask_color: of the damage in it; see `masks.mask_of`.
      folder: for the results; None: the folder of the original.
      compare: whether an image with the original on the left and the result on the right is written too.
      overwrite: whether an earlier result is replaced; otherwise it stays and nothing is done.
      megapixels: size limit.
      scale: size of the result as a multiple of the original's, by which its format is chosen; see
        `photographs.fitted`.
      progress: takes the number of tiles done and the number of all tiles.
    Raises:
      UsageError: if the photograph or its mask cannot be read, they do not fit together, or the result cannot be
        written.
    """
    begin = time.perf_counter()
    photograph = photographs.fitted(photographs.read(path, megapixels), scale)
    out, comparison = output_paths(path, task, photograph.kind, folder)
    if not overwrite and out.exists() and (comparison.exists() or not compare):
        return f"{out} exists already: replace it with --overwrite"
    make_writable_folder(out.parent)
    if masks is not None:
        settings = settings._replace(mask=read_mask(find_mask(path, masks), photograph.pixels, megapixels, mask_color))
    result = restoration(photograph, settings, progress)
    factor = result.pixels.shape[0] // photograph.pixels.shape[0]
    alpha = None if photograph.alpha is None else upsampled(photograph.alpha, factor)
    photographs.write(out, photographs.with_pixels(photograph, result.pixels, alpha))
    if compare:
        pair = np.concatenate([upsampled(photograph.pixels, factor), result.pixels], 1)
        photographs.write(comparison, photographs.Photograph(pair, profile=photograph.profile))
    height, width = result.pixels.shape[:2]
    messages = ", ".join(filter(None, (result.message, *photograph.notes, f"{width}×{height} pixels")))
    return f"{out}  {messages} in {time.perf_counter() - begin:.1f} s"


def make_writable_folder(folder: Path) -> None:
    """Makes a folder, or raises UsageError where nothing can be written into it, before the work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into {folder}: permission denied; choose another folder with --out")


def prepare_output(out: Path, *, suffix: str = "", overwrite: bool = False) -> None:
    """Makes the folder of a file, or raises UsageError where the file cannot be written, before the work is done.

    Args:
      out: the file.
      suffix: the only one that it may have; empty: any.
      overwrite: whether it may exist.
    """
    if suffix and out.suffix != suffix:
        raise UsageError(f"{out}: give a file that ends in {suffix}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already: name another file with --out, or replace it with --overwrite")
    make_writable_folder(out.parent)


def tile_progress(stream: TextIO) -> Progress:
    """Returns a function that shows the tiles of a large image on a terminal, and nothing elsewhere."""

    def show(done: int, total: int) -> None:
        if total > 1 and stream.isatty():
            stream.write(f"\rtile {done}/{total}" if done < total else "\r\x1b[K")
            stream.flush()

    return show


def restore_files(paths: Sequence[Path], restore: Callable[[Path], str], say: Callable[[str], None]) -> None:
    """Restores photographs one after the other; if one of several fails, its error is reported and the rest are done.

    Args:
      paths: of the originals.
      restore: restores one and returns a one-line report.
      say: takes a line for each.
    Raises:
      UnfinishedError: if some of several failed, with their names; of a single photograph the error itself.
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
        except Exception as error:  # Of any kind: the other photographs are restored all the same.
            if len(paths) == 1:
                raise
            failed.append(path)
            reason = " ".join(str(error).split())[:MAX_ERROR_LENGTH]
            say(f"{count}FAILED {path}: {type(error).__name__}: {reason}")
    if failed:
        raise UnfinishedError(
            f"{len(failed)} of {len(paths)} failed, the others are done: {', '.join(path.name for path in failed)}"
        )
