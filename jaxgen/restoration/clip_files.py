"""Restores clips from files to files: the frames of a folder, or a video file."""

import hashlib
import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from jaxgen.errors import UsageError
from jaxgen.io import photographs, video_files
from jaxgen.restoration.clips import ClipRestorer, restore_clip
from jaxgen.restoration.files import StatusLine, done_already, write_result
from jaxgen.restoration.folders import Item
from jaxgen.restoration.plans import Options, Plan, digest, make_writable_folder, note, plan
from jaxgen.restoration.transparency import with_extended_colors


def frame_order(item: Item) -> list[tuple[int, str]]:
    """Returns the key that sorts frames by name, numbers by their value: frame2 comes before frame10."""
    parts = re.findall(r"\d+|\D+", item.path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def group(items: Sequence[Item]) -> list[list[Item]]:
    """Returns the clips among frames: those of each folder, in the order of their names."""
    clips: dict[Path, list[Item]] = {}
    for item in items:
        clips.setdefault(item.path.parent, []).append(item)
    return [sorted(clip, key=frame_order) for clip in clips.values()]


def plan_clip(clip: Sequence[Item], options: Options) -> tuple[Plan, Options]:
    """Returns what is done to a clip, and the options with which its results are noted.

    A frame's result depends on the others: all of them belong to what identifies it.

    Raises:
      UsageError: see `plans.plan`; if a frame cannot be read.
    """
    contents = hashlib.sha256()
    for item in clip:
        contents.update(digest(item.path).encode())
    options = options._replace(network=f"{options.network} clip {contents.hexdigest()}")
    planned = plan(clip, options)
    for job in planned.jobs:
        if job.error is not None:
            raise UsageError(f"{job.error}: a clip needs all of its frames")
    return planned, options


def restore_frames(
    clip: Sequence[Item],
    planned: Plan,
    restorer: ClipRestorer,
    options: Options,
    *,
    megapixels: float = photographs.MEGAPIXELS,
    status: StatusLine | None = None,
) -> str:
    """Restores the frames of a clip, writes those that are not done, and returns a one-line report.

    Args:
      clip: the frames in order.
      planned, options: of `plan_clip`.
      restorer: the network.
      megapixels: size limit.
      status: of the terminal.
    Raises:
      UsageError: if a frame cannot be read or has another size, or a result cannot be written.
    """
    if not planned.jobs:
        return done_already(planned.done)
    begin, jobs = time.perf_counter(), {job.path: job for job in planned.jobs}
    read: deque[photographs.Photograph] = deque()

    def frames() -> Iterator:
        for item in clip:
            read.append(photographs.read(item.path, megapixels))
            yield with_extended_colors(read[-1]).pixels

    restored = restore_clip(restorer, frames(), options.settings.strength)
    for number, (item, pixels) in enumerate(zip(clip, restored, strict=True), 1):
        photograph = read.popleft()
        if (job := jobs.get(item.path)) is not None:
            write_result(job, photograph, pixels, note(job.path, options, None))
        if status is not None:
            status.show(f"{number} of {len(clip)} frames done")
    if status is not None:
        status.show("")
    first = planned.jobs[0]
    assert first.out is not None, "its error would have been raised"
    height, width = photograph.pixels.shape[:2]
    what = f"{len(clip)} frames from {first.out.name} on, {width}×{height} pixels"
    return f"{first.out.parent}  {what} in {time.perf_counter() - begin:.1f} s"


def video_output(path: Path, options: Options) -> Path:
    """Returns the file of a restored video."""
    return (options.out or path.parent) / f"{path.stem}-{options.task}{path.suffix}"


def check_outputs(videos: Sequence[Path], options: Options) -> None:
    """Raises UsageError where videos cannot be read here, or their results cannot be written."""
    if videos:
        video_files.load_ffmpeg()
    owners: dict[Path, Path] = {}
    for path in videos:
        out = video_output(path, options)
        if (other := owners.setdefault(out, path)) != path:
            raise UsageError(f"{other} and {path} would have one result, {out}: restore them into two folders")
        if out.exists() and not options.overwrite:
            raise UsageError(f"{out} is there: replace it with --overwrite, or choose another folder with --out")
        make_writable_folder(out.parent)


def restore_video(path: Path, restorer: ClipRestorer, options: Options, *, status: StatusLine | None = None) -> str:
    """Restores a video file, whose result has its size, rate and sound, and returns a one-line report.

    Args:
      path: of the video.
      restorer: the network.
      options: of the run.
      status: of the terminal.
    Raises:
      UsageError: if the video cannot be read, or the result cannot be written.
    """
    begin, out = time.perf_counter(), video_output(path, options)
    video, frames = video_files.read(path)
    number = 0
    with video_files.writing(out, video) as write:
        for restored in restore_clip(restorer, frames, options.settings.strength):
            write(restored)
            number += 1
            if status is not None:
                status.show(f"{number} of about {video.count} frames done")
    if status is not None:
        status.show("")
    width, height = video.size
    return f"{out}  {number} frames of {width}×{height} pixels in {time.perf_counter() - begin:.1f} s"
