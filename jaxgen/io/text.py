"""Numbers and text in files."""

import contextlib
import errno
import json
import math
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import IO, Any

from jaxgen.errors import UsageError

MAX_PREFIX = 200
"""Bytes of a file's name that the name of its unfinished version has."""
MAX_BYTES = 2**26
"""Size of the largest file of JSON or Python that is read."""


def to_json(value: float) -> float | str:
    """Returns a number that JSON can represent: infinity and NaN as text."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def parse_json(text: str | bytes) -> Any:
    """Returns the value that JSON text stands for.

    Raises:
      ValueError: if it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def printable(text: str) -> str:
    """Returns a text in which control characters, by which a file from elsewhere could command a terminal, are escaped.

    Line breaks and tabs stay.
    """
    keep = lambda char: char.isprintable() or char in "\n\t"
    return "".join(char if keep(char) else char.encode("unicode_escape").decode() for char in text)


def hide_passwords(text: str) -> str:
    """Returns a text without the passwords of the URLs in it, those that hold an unescaped @ included."""
    return re.sub(r"password=[^&\s]*", "password=…", re.sub(r"(://[^:/@\s]*):\S*@", r"\1@", text))


def read_limited(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Returns the content of a file of at most so many bytes.

    Raises:
      OSError: if it cannot be read, is larger, or is no regular file, as a pipe or a device is, which may have no end.
    """
    # A pipe that nobody writes to would block.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, and at most {limit} are read", str(path))
        return file.read(limit)


def open_no_link(path: Path, mode: str) -> IO[Any]:
    """Opens a file for writing in place, except a symbolic link: in a folder from elsewhere it may name any file.

    Raises:
      OSError: if it is a link, or cannot be opened.
    """
    try:
        return open(path, mode, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o666))
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(errno.ELOOP, "it is a symbolic link: remove it", str(path)) from None


def unfinished_path(path: Path) -> Path:
    """Returns where this process writes a file before it takes its name."""
    # The file system's limit of a name is that of the file's own name, not of this longer one.
    name = os.fsdecode(os.fsencode(path.name)[:MAX_PREFIX])
    return path.with_name(f".{name}.{os.getpid()}.unfinished")


def remove_unfinished(folder: Path) -> None:
    """Removes the files that killed processes of this machine have left unfinished in a folder, see `unfinished_path`.

    Files of this process's number count as left by an earlier one: it must not be writing there yet.
    """
    for path in folder.glob(".*.unfinished"):
        name = re.fullmatch(r"\..*\.(\d+)\.unfinished", path.name)
        if name and (int(name[1]) == os.getpid() or not is_running(int(name[1]))):
            with contextlib.suppress(OSError):
                path.unlink()


def is_running(process: int) -> bool:
    """Returns whether a process of that number runs on this machine."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


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
