"""Numbers and text in files."""

import math
import os
from pathlib import Path


def to_json(value: float) -> float | str:
    """Returns a number that JSON can represent: infinity and NaN as text."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file that is never visible half-written."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(unfinished, path)
