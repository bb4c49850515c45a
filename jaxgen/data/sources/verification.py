"""Finds the images that cannot be read before a training begins, and remembers those that could be."""

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.data.config import Config
from jaxgen.data.records import File
from jaxgen.data.resample import white_hint
from jaxgen.data.sources.listing import Listing, size_line
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.io.text import parse_json, read_limited, write_atomically

MAX_DAMAGED = 3
"""Damaged images that are named."""
MAX_CACHE_BYTES = 2**30
"""Size of the largest file of decoded images that is read."""
MIN_HELD_OUT = 5
"""Held-out images below which a line says that there are few."""
MAX_LOOKED_AT = 16
"""Images whose gray values are compared with white."""


class Examined(NamedTuple):
    """What is known of an image file.

    Attributes:
      shape: (height, width, channels); (0, 0, 0) for one that cannot be read.
      error: why it cannot be read; empty where it can.
      decoded: whether its pixels were decoded, or its header was read alone.
    """

    shape: tuple[int, int, int]
    error: str
    decoded: bool


Cache = dict[str, tuple[int, int, Examined]]
"""By name of a file: its size, its time, and what is known of the file of that size and time."""


def cache_home() -> Path:
    """Returns the user's folder for what programs remember."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def cache_path(root: Path, white: int = images.MAX_SIXTEEN_BITS) -> Path:
    """Returns the file that remembers the decoded images of a folder, with a value of white that they all keep to."""
    key = hashlib.sha256(os.fsencode(root.resolve()) + str(white).encode()).hexdigest()[:32]
    return cache_home() / "jaxgen" / "images" / f"{key}.json"


@functools.cache
def read_cache(path: Path) -> Cache:
    """Returns what a file remembers, the same object each time; empty where there is none that can be read."""
    try:
        stored = parse_json(read_limited(path, MAX_CACHE_BYTES))
        return {name: (size, time, as_examined(shape, error)) for name, size, time, shape, error in stored}
    except (OSError, ValueError, TypeError):
        return {}


def as_examined(stored: Any, error: Any) -> Examined:
    """Returns what is known of a decoded image, or raises TypeError or ValueError for values of a damaged file."""
    height, width, channels = shape = tuple(stored)
    if not (isinstance(error, str) and all(type(length) is int for length in (height, width, channels))):
        raise TypeError(f"{shape} and {error!r} are no shape and no reason")
    return Examined(shape, error, True)


def write_cache(path: Path, cache: Cache) -> None:
    """Writes the decoded images of a cache. Where it cannot be written they are decoded again next time."""
    stored = [(name, size, time, x.shape, x.error) for name, (size, time, x) in cache.items() if x.decoded]
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(stored))


def forget(root: Path, white: int = images.MAX_SIXTEEN_BITS) -> None:
    """Has all images of a folder decoded again next time, as one of them cannot be read although it once could."""
    path = cache_path(root, white)
    path.unlink(missing_ok=True)
    read_cache(path).clear()


def examine(listing: Listing, *, decode: bool, white: int = images.MAX_SIXTEEN_BITS) -> list[Examined]:
    """Returns what is known of each image of a folder. As many are read at a time as there are cores.

    Args:
      listing: the images. Those that were decoded before and have the same size and time are not read again.
      decode: whether to decode the pixels; otherwise the headers alone are read.
      white: value of white in 16-bit gray files.
    """
    path = cache_path(listing.root, white)
    cache = read_cache(path)

    def look(file: File) -> Examined:
        size, time, known = cache.get(file.name, (0, 0, None))
        if known and (size, time) == (file.bytes, file.time) and (known.decoded or not decode):
            return known
        try:
            read: Callable = (lambda file: images.read(file, white).shape) if decode else images.shape
            return Examined(read(listing.root / file.name), "", decode)
        except UsageError as error:
            return Examined((0, 0, 0), str(error), decode)

    found = in_parallel(look, listing.files)
    now: Cache = {file.name: (file.bytes, file.time, x) for file, x in zip(listing.files, found, strict=True)}
    if cache != now:
        cache.clear()
        cache.update(now)
        if decode:
            write_cache(path, cache)
    return found


def in_parallel(function: Callable, files: Sequence[File]) -> list:
    """Returns the value of a function for each file, by as many threads as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, files))


def require_readable(found: Sequence[Examined]) -> None:
    """Raises UsageError where an image cannot be read, with the number of such images and the first one."""
    errors = [x.error for x in found if x.error]
    if errors:
        number = f"{len(errors):,} of {len(found):,} images cannot be read"
        raise UsageError(f"{number}: {errors[0]}; repair it, or set data.skip_damaged")


def white_line(listing: Listing, white: int) -> str:
    """Returns a line about images whose 16-bit gray values are too dark for 16 bits; empty where there are none.

    The first images of the folder are looked at.
    """
    paths = [listing.root / file.name for file in listing.files[:MAX_LOOKED_AT]]
    deep = [path for path in paths if images.has_deep_gray(path)]
    largest = max((images.read(path).max() for path in deep), default=1.0)
    return white_hint(round(float(largest) * images.MAX_SIXTEEN_BITS), white)


def fingerprint(listing: Listing, *, hash_contents: bool) -> tuple[File, ...]:
    """Returns the files of a listing, with the SHA-256 of their contents where that is asked for."""

    def with_digest(file: File) -> File:
        with open(listing.root / file.name, "rb") as content:
            return file._replace(sha256=hashlib.file_digest(content, "sha256").hexdigest())

    return tuple(in_parallel(with_digest, listing.files)) if hash_contents else listing.files


def lines(
    listings: Sequence[Listing], found: Sequence[Examined], config: Config, count: int, classes: str = ""
) -> tuple[str, ...]:
    """Returns what to print about images before a training.

    Args:
      listings: of the folders.
      found: what is known of the images of the first folder, and of damaged ones of the others.
      config: its `split` and `white` count.
      count: number of its images.
      classes: a line about the classes.
    """
    damaged = [x.error for x in found if x.error]
    sizes = size_line([x.shape for x in found if not x.error])
    total = len(found) - len(damaged)
    number = f"{total:,} images, {count:,} in the split {config.split}"
    is_few = config.split == "train" and total - count < MIN_HELD_OUT
    text = [
        f"found in {listings[0].root}: {number}; {sizes}",
        f"few images are held out, {total - count} of {total}: scores on them vary much" if is_few else "",
        classes,
        *(listing.skipped_line() for listing in listings),
        *(white_line(listing, config.white) for listing in listings),
        *(f"skipped, {len(damaged):,} damaged: {error}" for error in damaged[:MAX_DAMAGED]),
    ]
    return tuple(filter(None, text))
