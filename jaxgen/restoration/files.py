"""Restores photograph files, one after the other: an error stops no other file, and the time that is left is shown."""

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.io import photographs
from jaxgen.io.band_files import BandFile
from jaxgen.restoration.folders import Item, first_names
from jaxgen.restoration.inference import Restoration, Settings, has_bands, restored_bands, upsampled, upsampled_rows
from jaxgen.restoration.masks import read_mask
from jaxgen.restoration.plans import Job, Options, note, plan
from jaxgen.restoration.restorer import Progress, Restorer, no_progress
from jaxgen.restoration.toning import has_equal_channels
from jaxgen.restoration.transparency import with_extended_colors

MAX_ERROR_LENGTH = 200
"""Characters of an unexpected error that are shown."""


def restore_file(
    job: Job,
    restoration: Restoration,
    options: Options,
    *,
    network: Restorer | None = None,
    megapixels: float = photographs.MEGAPIXELS,
    progress: Progress = no_progress,
) -> str:
    """Restores one photograph, writes the result, and returns a one-line report.

    Args:
      job: the photograph and its files.
      restoration: the function of the task.
      options: of the run.
      network: that does the task alone, if one does: a larger result is then written some rows at a time.
      megapixels: size limit.
      progress: takes the number of tiles done and the number of all tiles.
    Raises:
      UsageError: if the photograph or its mask cannot be read, they do not fit together, or the result cannot be
        written.
    """
    begin = time.perf_counter()
    if job.error is not None:
        raise job.error
    made_from = note(job.path, options, job.mask)
    photograph = photographs.fitted(photographs.read(job.path, megapixels), options.scale)
    settings = options.settings._replace(in_place=job.comparison is None)
    if job.mask is not None:
        settings = settings._replace(mask=read_mask(job.mask, photograph.pixels, megapixels, options.mask_color))
    if network is not None and job.out is not None and has_bands(network, settings):
        write_bands(job, network, photograph, settings, options, made_from, progress)
        return report(job, photograph, "", network.spec.scale, begin)
    result = restoration(photograph, settings, progress)
    message = result.message
    if job.mask_out is not None and result.mask is not None:
        photographs.write(job.mask_out, photographs.Photograph(result.mask), made_from)
        message = f"{message}, mask in {job.mask_out}"
    if job.out is None:
        return f"{job.path}: {', '.join((message, *photograph.notes))}"
    if options.gives_mask:
        photographs.write(job.out, photographs.Photograph(result.pixels), made_from)
        return report(job, photograph, message, 1, begin)
    factor = write_result(job, photograph, result.pixels, made_from)
    return report(job, photograph, message, factor, begin)


def write_result(job: Job, photograph: photographs.Photograph, pixels: np.ndarray, made_from: dict[str, Any]) -> int:
    """Writes a restored photograph and perhaps its comparison, and returns its size as a multiple of the original's.

    Args:
      job: with the files.
      photograph: the original.
      pixels: float32[scale · height, scale · width, channel] in [0, 1], restored.
      made_from: the note of the results.
    Raises:
      UsageError: if a file cannot be written.
    """
    assert job.out is not None, "the photograph was read"
    factor = pixels.shape[0] // photograph.pixels.shape[0]
    alpha = None if photograph.alpha is None else upsampled(photograph.alpha, factor)
    photographs.write(job.out, photographs.with_pixels(photograph, pixels, alpha), made_from)
    if job.comparison is not None:
        pair = (photographs.Photograph(one) for one in (upsampled(photograph.pixels, factor), pixels))
        values = np.concatenate([photographs.rounded(one, 8) for one in pair], 1)
        comparison = photographs.Photograph(photograph.pixels, profile=photograph.profile)
        photographs.write_values(job.comparison, comparison, values, made_from)
    return factor


def report(job: Job, photograph: photographs.Photograph, message: str, scale: int, begin: float) -> str:
    """Returns the line about a result.

    Args:
      job: of the photograph.
      photograph: the original.
      message: what was done.
      scale: size of the result as a multiple of the photograph's.
      begin: when the work began, by `time.perf_counter`.
    """
    height, width = (scale * side for side in photograph.pixels.shape[:2])
    messages = ", ".join(filter(None, (message, *photograph.notes, f"{width}×{height} pixels")))
    return f"{job.out}  {messages} in {time.perf_counter() - begin:.1f} s"


def write_bands(
    job: Job,
    network: Restorer,
    photograph: photographs.Photograph,
    settings: Settings,
    options: Options,
    made_from: dict[str, Any],
    progress: Progress,
) -> None:
    """Restores a photograph by a network that enlarges it, and writes the result some rows at a time.

    Args:
      job: with the files.
      network: see `inference.has_bands`.
      photograph: the original, whose format holds the result.
      settings: of the restoration.
      options: of the run: a task restores a gray photograph in three channels as a gray one.
      made_from: the note of the results.
      progress: takes the number of tiles done and the number of all tiles.
    Raises:
      UsageError: if a file cannot be written.
    """
    scale, top = network.spec.scale, 0
    height, width, channels = photograph.pixels.shape
    pair = photographs.Photograph(
        np.broadcast_to(np.float32(0), (height, 2 * width, channels)), profile=photograph.profile
    )
    with contextlib.ExitStack() as stack:
        assert job.out is not None, "the photograph was read"
        out = stack.enter_context(BandFile(job.out, photograph, made_from, scale))
        comparison = job.comparison and stack.enter_context(BandFile(job.comparison, pair, made_from, scale))
        visible = with_extended_colors(photograph)
        is_gray = not options.network and has_equal_channels(visible.pixels)
        if is_gray:
            visible = visible._replace(pixels=visible.pixels[..., :1])
        for part in restored_bands(network, visible, settings, progress):
            restored = part.repeat(3, -1) if is_gray else part
            end = top + len(restored) // scale
            alpha = None if photograph.alpha is None else upsampled_rows(photograph.alpha, scale, top, end)
            out.write(restored, alpha)
            if comparison:
                interpolated = upsampled_rows(photograph.pixels, scale, top, end)
                comparison.write(np.concatenate([interpolated, restored], 1))
            top = end


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
