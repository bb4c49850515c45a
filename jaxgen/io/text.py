"""Numbers and text in files."""

import contextlib
import math
import os
import tempfile
from pathlib import Path

from jaxgen.errors import UsageError

MAX_PREFIX = 200
"""Bytes of a file's name that the name of its unfinished version has."""


def to_json(value: float) -> float | str:
    """Returns a number that JSON can represent: infinity and NaN as text."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def unfinished_path(path: Path) -> Path:
    """Returns where this process writes a file before it takes its name."""
    # The file system's limit of a name is that of the file's own name, not of this longer one.
    name = os.fsdecode(os.fsencode(path.name)[:MAX_PREFIX])
    return path.with_name(f".{name}.{os.getpid()}.unfinished")


def require_writable(folder: Path) -> None:
    """Raises UsageError where nothing can be written in a folder, or it cannot be made. Nothing is created."""
    existing = next((path for path in (folder, *folder.absolute().parents) if os.path.lexists(path)), folder)
    try:
        # Permissions do not say everything: of a read-only disk, or of /proc.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"cannot write in {folder} ({existing}: {reason}): name another folder") from error


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file that is never visible half-written, also where several processes write it."""
    unfinished = unfinished_path(path)
    try:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def write_image_file(path: Path, content: bytes) -> None:
    """Writes an image file atomically; missing folders are created.

    Raises:
      UsageError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise UsageError(f"cannot write the image {path}: {error.strerror or error}") from error
