"""Restores photograph files, one after the other: an error stops no other file, and the time that is left is shown."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.io import photographs
from jaxgen.restoration.folders import Item, first_names
from jaxgen.restoration.inference import Restoration, upsampled
from jaxgen.restoration.masks import read_mask
from jaxgen.restoration.plans import Job, Options, note, plan
from jaxgen.restoration.restorer import Progress, no_progress

MAX_ERROR_LENGTH = 200
"""Characters of an unexpected error that are shown."""


def restore_file(
    job: Job,
    restoration: Restoration,
    options: Options,
    *,
    megapixels: float = photographs.MEGAPIXELS,
    progress: Progress = no_progress,
) -> str:
    """Restores one photograph, writes the result, and returns a one-line report.

    Args:
      job: the photograph and its files.
      restoration: the function of the task.
      options: of the run.
      megapixels: size limit.
      progress: takes the number of tiles done and the number of all tiles.
    Raises:
      UsageError: if the photograph or its mask cannot be read, they do not fit together, or the result cannot be
        written.
    """
    begin = time.perf_counter()
    if job.error is not None or job.out is None:
        raise job.error or UsageError(f"{job.path}: it cannot be read")
    made_from = note(job.path, options, job.mask)
    photograph = photographs.fitted(photographs.read(job.path, megapixels), options.scale)
    settings = options.settings
    if job.mask is not None:
        settings = settings._replace(mask=read_mask(job.mask, photograph.pixels, megapixels, options.mask_color))
    result = restoration(photograph, settings, progress)
    factor = result.pixels.shape[0] // photograph.pixels.shape[0]
    alpha = None if photograph.alpha is None else upsampled(photograph.alpha, factor)
    photographs.write(job.out, photographs.with_pixels(photograph, result.pixels, alpha), made_from)
    if job.comparison is not None:
        pair = np.concatenate([upsampled(photograph.pixels, factor), result.pixels], 1)
        photographs.write(job.comparison, photographs.Photograph(pair, profile=photograph.profile), made_from)
    height, width = result.pixels.shape[:2]
    messages = ", ".join(filter(None, (result.message, *photograph.notes, f"{width}×{height} pixels")))
    return f"{job.out}  {messages} in {time.perf_counter() - begin:.1f} s"


def restore_one(path: Path, restoration: Restoration, options: Options) -> str:
    """Plans and restores one photograph, and returns a one-line report.

    Args:
      path: of the photograph.
      restoration: the function of the task.
      options: of the run.
    Raises:
      UsageError: see `plans.plan` and `restore_file`.
    """
    jobs, done = plan([Item(path)], options)
    return restore_file(jobs[0], restoration, options) if jobs else done_already(done)


def done_already(paths: Sequence[Path]) -> str:
    """Returns the line about results that are there."""
    if len(paths) == 1:
        return f"{paths[0]} is done already: restore it again with --overwrite"
    return f"{len(paths)} results are done already ({first_names(paths)}): restore them again with --overwrite"


class StatusLine:
    """The last line of a terminal: photographs done, time left, and the tiles of a large one. Nothing elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        """Shows nothing yet.

        Args:
          stream: of the terminal.
        """
        self.stream, self.text = stream, ""

    def show(self, text: str) -> None:
        """Replaces the line; empty: removes it."""
        self.text = text
        if self.stream.isatty():
            self.stream.write(f"\r\x1b[K{text}")
            self.stream.flush()

    def show_tiles(self, done: int, total: int) -> None:
        """Shows the tiles done behind the line's text."""
        if total > 1 and self.stream.isatty():
            tiles = f"tile {done}/{total}" if done < total else ""
            self.stream.write("\r\x1b[K" + ", ".join(filter(None, (self.text, tiles))))
            self.stream.flush()


def tile_progress(stream: TextIO) -> Progress:
    """Returns a function that shows the tiles of a large image on a terminal, and nothing elsewhere."""
    return StatusLine(stream).show_tiles


def time_left(pixels: Sequence[int], done: int, seconds: float) -> float:
    """Returns how long the remaining photographs take, if a pixel takes as long as it did, in seconds.

    Args:
      pixels: number of pixels of each photograph; 0: unknown.
      done: how many of them are done.
      seconds: that these took.
    """
    finished = sum(pixels[:done])
    return seconds * sum(pixels[done:]) / finished if finished else 0.0


def in_words(seconds: float) -> str:
    """Returns a duration, rounded: 40 s, 12 min, 3 h 10 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def restore_files(
    jobs: Sequence[Job],
    restore: Callable[[Job], str],
    say: Callable[[str], None],
    status: StatusLine | None = None,
) -> None:
    """Restores photographs one after the other; if one of several fails, its error is reported and the rest are done.

    Args:
      jobs: the photographs.
      restore: restores one and returns a one-line report.
      say: takes a line for each, with the time that is left where no terminal shows it.
      status: of the terminal.
    Raises:
      UnfinishedError: if some of several failed, with their names; of a single photograph the error itself.
    """
    failed, begin, total = [], time.perf_counter(), len(jobs)
    is_terminal = status is not None and status.stream.isatty()
    left = ""
    for index, job in enumerate(jobs):
        count = f"[{index + 1}/{total}] " if total > 1 else ""
        if status is not None and total > 1:
            status.show(f"{index} of {total} photographs done{left}")
        try:
            line = count + restore(job)
        except UsageError as error:
            if total == 1:
                raise
            failed.append(job)
            line = f"{count}FAILED {error if str(job.path) in str(error) else f'{job.path}: {error}'}"
        except Exception as error:  # Of any kind: the other photographs are restored all the same.
            if total == 1:
                raise
            failed.append(job)
            reason = " ".join(str(error).split())[:MAX_ERROR_LENGTH]
            line = f"{count}FAILED {job.path}: {type(error).__name__}: {reason}"
        finally:
            if status is not None:
                status.show("")
        seconds = time_left([job.pixels for job in jobs], index + 1, time.perf_counter() - begin)
        left = f", about {in_words(seconds)} left" if seconds >= 1 else ""
        say(line if is_terminal else line + left)
    if failed:
        names = ", ".join(job.path.name for job in failed)
        raise UnfinishedError(f"{len(failed)} of {total} failed, the others are done: {names}")
