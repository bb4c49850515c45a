"""What a run records of its images, and the comparison with it when the run is resumed.

RUN/images.tsv.gz has a line for each file of a set that is read from files: size, time in nanoseconds since 1970,
SHA-256 (empty unless data.hash_contents) and name.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen import data
from jaxgen.data.order import ORDER_VERSION
from jaxgen.data.records import IMAGE_FIELDS, File
from jaxgen.data.sources.listing import some
from jaxgen.errors import UsageError
from jaxgen.io.text import parse_json, write_atomically
from jaxgen.runs.disk.config_file import CHANGES
from jaxgen.runs.disk.run_folder import RunFolder

FILE = "images.tsv.gz"
MAX_BYTES = 2**30
"""Size of the largest list of files that is read, unpacked."""
OF_IMAGES = ("images", "images_sha256")
"""Fields of config.json that differ where images do."""
OF_FILES = "files_sha256"
"""Field of config.json: of the names and sizes of streamed files, which agree among the processes of a run."""


def describe_data(dataset: data.Dataset) -> dict[str, Any]:
    """Returns the images' shape, number, SHA-256, classes and the version of their order."""
    description: dict[str, Any] = {"image_shape": list(dataset.image_shape), "images": len(dataset)}
    if dataset.config.classes and dataset.contents.class_names:
        description["class_names"] = list(dataset.contents.class_names)
    if dataset.arrays:
        stored = b"".join(dataset.arrays[name].tobytes() for name in IMAGE_FIELDS if name in dataset.arrays)
        description["images_sha256"] = hashlib.sha256(stored).hexdigest()
    elif dataset.contents.files:
        lines = "".join(f"{file.bytes}\t{file.sha256}\t{file.name}\n" for file in dataset.contents.files)
        description[OF_FILES] = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    return description | {"data_order": ORDER_VERSION}


def write_files(run: Path, files: Sequence[File]) -> None:
    """Writes which files the images of a run are read from; nothing where they are not files of their own."""
    if files:
        lines = "".join(f"{file.bytes}\t{file.time}\t{file.sha256}\t{json.dumps(file.name)}\n" for file in files)
        write_atomically(run / FILE, gzip.compress(lines.encode(), mtime=0))


def read_files(run: Path) -> tuple[File, ...] | None:
    """Returns which files the images of a run were read from; None where it has no record of them.

    Raises:
      UsageError: if the record is damaged.
    """
    path = run / FILE
    if not path.exists():
        return None
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        rows = [line.split("\t", 3) for line in content.decode().splitlines()]
        return tuple(File(str(parse_json(name)), int(size), int(time), sha256) for size, time, sha256, name in rows)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UsageError(
            f"{path} is damaged ({error}): remove it, to resume with the images as they are now"
        ) from error


class Difference(NamedTuple):
    """How the files of a set differ from those before, by their names."""

    added: list[str]
    removed: list[str]
    changed: list[str]

    def __str__(self) -> str:
        parts = {"added": self.added, "missing": self.removed, "changed": self.changed}
        return ", ".join(f"{len(names)} {kind} ({some(names)})" for kind, names in parts.items() if names)


def compare_files(before: Iterable[File], now: Iterable[File]) -> Difference:
    """Returns how files differ. Those with hashes are compared by these, the others by size and time."""
    old, new = ({file.name: file for file in files} for files in (before, now))

    def same(a: File, b: File) -> bool:
        return a.sha256 == b.sha256 if a.sha256 and b.sha256 else a[1:3] == b[1:3]

    changed = [name for name in new if name in old and not same(old[name], new[name])]
    return Difference([name for name in new if name not in old], [name for name in old if name not in new], changed)


def compare(
    run: Path, description: Mapping[str, Any], dataset: data.Dataset, say: Callable[[str], None]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Compares the images of a run that is resumed with those before.

    Args:
      run: the run folder.
      description: of the images now, see `describe_data`.
      dataset: the images now.
      say: takes a line where they are others and that is allowed.
    Returns:
      (what config.json notes of such changes, the fields of config.json that may therefore differ).
    Raises:
      UsageError: if they are others and neither data.allow_changed nor data.skip_damaged allows that.
    """
    folder = RunFolder(run)
    before = folder.config() if folder.has_checkpoints() else None
    if before is None or before.get("image_shape") != description["image_shape"]:
        return {}, ()
    # A run of before classes had names goes on.
    newer = () if "class_names" in before else ("class_names",)
    noted = {CHANGES: before[CHANGES]} if before.get(CHANGES) else {}
    recorded, config = read_files(run), dataset.config
    difference = compare_files(recorded or (), dataset.contents.files if recorded is not None else ())
    in_memory = "images_sha256" in before and "images_sha256" in description
    is_same = before["images_sha256"] == description["images_sha256"] if in_memory else not any(difference)
    if is_same:
        # Images that are streamed on one side alone are compared by their files.
        return noted, (*newer, OF_FILES) if in_memory or recorded is None else (*newer, OF_FILES, "images_sha256")
    text = str(difference) or "their pixels differ"
    lost_alone = not (difference.added or difference.changed) and bool(difference.removed)
    if config.skip_damaged and lost_alone and set(difference.removed) <= set(dataset.contents.damaged):
        say(f"{run} goes on without damaged images: {text}")
    elif config.allow_changed:
        say(f"{run} goes on with other images: {text}")
    else:
        raise UsageError(
            f"{run} was trained on other images: {text}; put them back, use another run folder, or set "
            "data.allow_changed to go on with these"
        )
    steps = [int(path.name) for path in (run / "checkpoints").glob("[0-9]*") if path.name.isdigit()]
    change = {"step": max(steps, default=0), **{kind: len(names) for kind, names in difference._asdict().items()}}
    return {CHANGES: [*before.get(CHANGES, []), change]}, (*newer, *OF_IMAGES, OF_FILES)
