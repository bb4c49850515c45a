"""Numbers and text as they stand in files."""

import math
import os
from pathlib import Path


def to_json(value: float) -> float | str:
    """Returns a number as JSON can hold it."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file so that it is never seen half-written."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(unfinished, path)
