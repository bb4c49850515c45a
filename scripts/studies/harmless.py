"""How much each task of `jaxgen restore` changes pictures that are not damaged."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.errors import UsageError, unknown
from jaxgen.io import photographs
from jaxgen.io.photographs import Photograph
from jaxgen.io.text import write_atomically
from jaxgen.metrics.image import psnr
from jaxgen.pages import html
from jaxgen.restoration import tasks

TASKS = ("auto", "scratches", "derust", "dehaze", "dejpeg", "denoise", "deblur")
UNCHANGED, HARMED = 45.0, 38.0
"""PSNR in dB from which a picture counts as unchanged, and below which it counts as harmed."""
HEADER = "| task | pictures | bit by bit | at least 45 dB | below 38 dB | worst |\n|---|---|---|---|---|---|"


class Change(NamedTuple):
    """What a task did to one picture.

    Attributes:
      picture: name of the file.
      psnr: between picture and result, both rounded to 8 bits, in dB; infinite where they are equal.
      message: of the task.
    """

    picture: str
    psnr: float
    message: str


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Returns pixels rounded as in a file of 8 bits."""
    return np.round(pixels * 255).astype(np.float32) / 255


def png(pixels: np.ndarray) -> bytes:
    """Returns the PNG file of float32[height, width, 1 or 3] in [0, 1]."""
    return photographs.encode(Photograph(pixels))


def change(path: Path, task: str) -> tuple[Change, np.ndarray, np.ndarray]:
    """Returns what a task does to a picture, the picture and the result, float32[height, width, channel]."""
    photograph = photographs.read(path)
    result = tasks.restore_photograph(photograph, task)
    before, after = eight_bits(photograph.pixels), eight_bits(result.pixels)
    value = np.inf if (before == after).all() else float(psnr(before[None], after[None])[0])
    return Change(path.name, value, result.message), before, after


def as_row(task: str, changes: Sequence[Change]) -> str:
    """Returns the line of a task in the table."""
    values = np.array([one.psnr for one in changes])
    worst = min(changes, key=lambda one: one.psnr)
    named = "none changed" if np.isinf(worst.psnr) else f"{worst.psnr:.1f} dB, {worst.picture}"
    share = lambda which: f"{which.sum()} ({100 * which.mean():.1f} %)"
    return (
        f"| `{task}` | {len(values)} | {share(np.isinf(values))} | {share(values >= UNCHANGED)} "
        f"| {share(values < HARMED)} | {named} |"
    )


def run(
    folders: Sequence[Path], names: Sequence[str], out: Path | None, page: Path | None, say: Callable[[str], None]
) -> dict[str, list[dict[str, Any]]]:
    """Applies tasks to undamaged pictures, prints a table and returns every change as plain values.

    Args:
      folders: of undamaged pictures, PNG files without noise.
      names: of tasks; empty: `TASKS`.
      out: file for all changes; None: none.
      page: file for a page that shows each picture below `HARMED`; None: none.
      say: prints a line.
    Raises:
      UsageError: if there is no such task, or no picture.
    """
    for name in names:
        if name not in TASKS:
            raise unknown("task", name, TASKS)
    paths = sorted(path for folder in folders for path in folder.rglob("*.png"))
    if not paths:
        raise UsageError(f"no PNG files in {', '.join(map(str, folders))}: give folders of undamaged pictures")
    results, parts = {}, []
    say(HEADER)
    for task in names or TASKS:
        changes = []
        parts.append(html.heading(task))
        for path in paths:
            one, before, after = change(path, task)
            changes.append(one)
            if page and one.psnr < HARMED:
                parts.append(html.compare(png(before), png(after), f"{one.picture}, {one.psnr:.1f} dB: {one.message}"))
        say(as_row(task, changes))
        results[task] = [one._asdict() for one in changes]
    if out:
        write_atomically(out, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    if page:
        write_atomically(page, html.document("Undamaged pictures below 38 dB", *parts))
    return results
