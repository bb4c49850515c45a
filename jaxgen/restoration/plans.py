"""Decides where each result goes, and what is done already, before the work starts.

A result holds a note of its photograph, its task and the options (`jaxgen.io.provenance`). Only a file with the note of
the very photograph, by the digest of its content, and of the same options counts as done, and only a result is
replaced.
"""

import hashlib
import os
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.errors import UsageError
from jaxgen.io import formats, headers, images, provenance
from jaxgen.io.text import remove_unfinished, require_writable
from jaxgen.restoration.folders import COMPARISON, Item, first_names
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.masks import Color, find_mask

UNNOTED = frozenset({"mask", "tile_size", "dry_run", "in_place"})
"""Settings that change no result; a mask is noted by its file."""
MAX_NAME = 255
"""Bytes of a file's name, where the file system states no limit."""


class Options(NamedTuple):
    """What is done to every photograph of a run.

    Attributes:
      task: name of the task, part of the names of results.
      settings: of the restoration, without a mask.
      scale: size of the results as a multiple of the photographs'.
      masks: image of the photographs' damage, or a folder of such images; see `masks.find_mask`.
      mask_color: of the damage in them.
      network: what identifies a network of the user's; empty: those of the task.
      out: folder of the results; None: those of the photographs.
      compare: whether an image with the original on the left and the result on the right is written too.
      overwrite: whether earlier results are replaced.
      gives_mask: whether the result is the mask of the damage, a PNG file whatever the photograph's format.
      save_mask: whether the mask that is used is written too, where there is any damage.
    """

    task: str
    settings: Settings = Settings()
    scale: int = 1
    masks: Path | None = None
    mask_color: Color | None = None
    network: str = ""
    out: Path | None = None
    compare: bool = False
    overwrite: bool = False
    gives_mask: bool = False
    save_mask: bool = False


class Job(NamedTuple):
    """One photograph to restore.

    Attributes:
      path: of the photograph.
      out: of the result; None where the photograph cannot be read, or nothing is restored.
      comparison: of the image that compares it with the original; None: there is none.
      mask: of the image of its damage, or None.
      mask_out: of the mask that is written; None: none is.
      pixels: number of pixels of the photograph.
      error: why it cannot be restored, or None.
    """

    path: Path
    out: Path | None = None
    comparison: Path | None = None
    mask: Path | None = None
    mask_out: Path | None = None
    pixels: int = 0
    error: UsageError | None = None

    @property
    def outputs(self) -> list[Path]:
        """The files that are written."""
        return [path for path in (self.out, self.comparison, self.mask_out) if path is not None]


class Plan(NamedTuple):
    """What a run does.

    Attributes:
      jobs: the photographs that are restored.
      done: the results that are there already.
    """

    jobs: list[Job]
    done: list[Path]


def plan(items: Sequence[Item], options: Options) -> Plan:
    """Returns what a run does; nothing is written but missing folders of results.

    Args:
      items: the photographs.
      options: of the run.
    Raises:
      UsageError: if two photographs would have one result, a result would replace anything but an earlier result of
        the same photograph, a name is too long for its file system, or a folder cannot be written into.
    """
    jobs = [make_job(item, options) for item in items]
    check_names(jobs)
    done = [job for job in jobs if job.error is None and not options.overwrite and is_done(job, options)]
    remaining = [job for job in jobs if job not in done]
    check_existing(remaining, options)
    check_memory(remaining, options)
    for folder in dict.fromkeys(path.parent for job in remaining for path in job.outputs):
        make_writable_folder(folder)
    return Plan(remaining, [job.out for job in done if job.out is not None])


def make_job(item: Item, options: Options) -> Job:
    """Returns the job of a photograph, with the error where its header or its mask cannot be read."""
    path = item.path
    try:
        header = headers.read(path)
        mask = find_mask(path, options.masks, item.subfolder) if options.masks is not None else None
    except UsageError as error:
        return Job(path, error=error)
    folder = path.parent if options.out is None else options.out / item.subfolder
    kind = "PNG" if options.gives_mask else header.result_kind(options.scale)
    out = output_path(path, options.task, kind, folder)
    comparison = out.with_name(f"{out.name}-{COMPARISON}.png") if options.compare else None
    mask_out = out.with_name(f"{out.stem}-mask.png") if options.save_mask else None
    return Job(path, None if options.settings.dry_run else out, comparison, mask, mask_out, header.pixels)


def output_path(path: Path, task: str, kind: str, folder: Path) -> Path:
    """Returns the path of a restored photograph.

    Args:
      path: of the original.
      task: its name.
      kind: Pillow's name of the format.
      folder: of the result.
    """
    suffixes = formats.SUFFIXES[kind]
    is_same_format = path.suffix.lower() in suffixes
    # The original's own spelling, as in .jpeg or .JPG; another suffix is kept, as in a.gif-denoise.png. So is that of
    # a.gif.png, whose result would be that one otherwise.
    keeps_stem = is_same_format and Path(path.stem).suffix.lower() not in images.SUFFIXES
    return folder / f"{path.stem if keeps_stem else path.name}-{task}{path.suffix if is_same_format else suffixes[0]}"


def note(path: Path, options: Options, mask: Path | None) -> dict[str, Any]:
    """Returns the note that a photograph's result holds: digests, and no name or folder of the user's.

    Args:
      path: of the photograph.
      options: of the run.
      mask: of the image of its damage, or None.
    """
    settings = {key: value for key, value in options.settings._asdict().items() if key not in UNNOTED}
    return {
        "photograph": digest(path),
        "place": hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32],
        "task": options.task,
        "options": settings | {"mask_color": options.mask_color, "network": options.network},
        "mask": None if mask is None else digest(mask),
    }


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file's content.

    Raises:
      UsageError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise images.unreadable(path, error) from error


def is_done(job: Job, options: Options) -> bool:
    """Returns whether the files of a job are there, and are the results of its photograph with the same options."""
    if job.out is None or not all(path.is_file() for path in job.outputs if path != job.mask_out):
        return False
    expected = note(job.path, options, job.mask)
    return all(without_place(provenance.read(path)) == without_place(expected) for path in job.outputs if path.exists())


def without_place(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns a note without the photograph's folder: a photograph that was moved stays the same."""
    return {key: value for key, value in (found or {}).items() if key != "place"}


def check_names(jobs: Sequence[Job]) -> None:
    """Raises UsageError where two results are one file, one is a photograph of the run, or a name is too long."""
    owners: dict[str, tuple[Path, Path]] = {}
    photographs = {job.path.resolve(): job.path for job in jobs}
    for job in jobs:
        for path in job.outputs:
            if (size := len(os.fsencode(path.name))) > (limit := max_name(path.parent)):
                raise UsageError(
                    f"{job.path}: the name of its result would have {size} bytes, and {limit} are allowed in "
                    f"{path.parent}: give the photograph a shorter name"
                )
            # Of names that differ in case or in the encoding of accents a file system may make one.
            key = unicodedata.normalize("NFC", os.fsdecode(path.parent.resolve() / path.name)).casefold()
            other, other_path = owners.setdefault(key, (job.path, path))
            if other != job.path and (path == other_path or are_one(path.parent, path.name, other_path.name)):
                advice = "restore them into two folders, or give one of them another name"
                raise UsageError(f"{other} and {job.path} would have one result, {path}: {advice}")
            if (replaced := photographs.get(path.resolve())) is not None:
                raise UsageError(
                    f"the result of {job.path} would replace the photograph {replaced}: choose another folder with "
                    "--out, or leave one of them out"
                )


def nearest_folder(folder: Path) -> Path:
    """Returns the folder, or the nearest one above it that is there."""
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())


def max_name(folder: Path) -> int:
    """Returns the number of bytes that a file's name may have in a folder, which may be missing yet."""
    try:
        return os.pathconf(nearest_folder(folder), "PC_NAME_MAX")
    except (OSError, ValueError):
        return MAX_NAME


def are_one(folder: Path, first: str, second: str) -> bool:
    """Returns whether the file system of a folder takes two names for one."""
    try:
        with tempfile.TemporaryDirectory(prefix=".jaxgen-", dir=nearest_folder(folder)) as probe:
            (Path(probe) / first).touch()
            return (Path(probe) / second).exists()
    except OSError:  # Not writable, which is reported later.
        return True


def check_existing(jobs: Sequence[Job], options: Options) -> None:
    """Raises UsageError where a file is there that must not be replaced."""
    foreign, others = [], []
    for job in jobs:
        for path in job.outputs:
            if not (path.exists() or path.is_symlink()):
                continue
            found, expected = provenance.read(path), note(job.path, options, job.mask)
            is_own = found is not None and any(found.get(key) == expected[key] for key in ("photograph", "place"))
            if not is_own:
                foreign.append(path)
            elif not options.overwrite and without_place(found) != without_place(expected):
                others.append(path)
    if foreign:
        raise UsageError(
            f"{listed(foreign)} and not known as a result of the same photograph: remove what is not needed, or choose "
            "another folder with --out"
        )
    if others:
        raise UsageError(
            f"{listed(others)} of other options, or of the photograph before it was changed: replace with --overwrite, "
            "or choose another folder with --out"
        )


def ensemble_bytes(pixels: int, scale: int) -> int:
    """Returns the memory of the ensemble of an enlarged photograph: its sum, a view and that view turned back.

    Args:
      pixels: of the photograph; its three channels are float32.
      scale: size of the result as a multiple of the photograph's.
    """
    return 3 * 3 * 4 * scale**2 * pixels


def check_memory(jobs: Sequence[Job], options: Options) -> None:
    """Raises UsageError where the ensemble of an enlarged photograph needs more memory than the machine has.

    All else is done in tiles and bands of rows, or with a few copies of the photograph.
    """
    if options.scale == 1 or not options.settings.ensemble or not jobs:
        return
    largest = max(jobs, key=lambda job: job.pixels)
    needed, there = ensemble_bytes(largest.pixels, options.scale), physical_memory()
    if needed > there:
        raise UsageError(
            f"{largest.path}: an ensemble of {largest.pixels * options.scale**2 / 1e6:.0f} megapixels takes about "
            f"{needed / 1e9:.1f} GB of memory, and {there / 1e9:.1f} are there: leave --ensemble out"
        )


def physical_memory() -> int:
    """Returns the bytes of memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def listed(paths: Sequence[Path]) -> str:
    """Returns a clause that names files which are there."""
    return f"{paths[0]} is there" if len(paths) == 1 else f"{len(paths)} files are there ({first_names(paths)})"


def make_writable_folder(folder: Path) -> None:
    """Makes a folder for results, or raises UsageError where nothing can be written into it, before the work is done.

    What killed processes have left unfinished there is removed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into {folder}: permission denied; choose another folder with --out")
    remove_unfinished(folder)


def prepare_output(out: Path, *, suffix: str = "", overwrite: bool = False) -> None:
    """Raises UsageError where a file cannot be written, before the work is done. Its folder is not made.

    Args:
      out: the file.
      suffix: the only one that it may have; empty: any.
      overwrite: whether it may exist.
    """
    if suffix and out.suffix != suffix:
        raise UsageError(f"{out}: give a file that ends in {suffix}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already: name another file with --out, or replace it with --overwrite")
    require_writable(out.parent)
