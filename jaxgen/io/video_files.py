"""Reads and writes video files by the package imageio-ffmpeg, frame by frame."""

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.errors import UsageError, requires

SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4"})
"""Of the files that count as videos."""
QUALITY = ("-crf", "15")
"""Options of the encoder x264: losses that are hardly visible."""
MAX_REASON = 200
"""Characters of ffmpeg's message that an error repeats."""


class Video(NamedTuple):
    """What the copy of a video file keeps.

    Attributes:
      path: of the file.
      size: (width, height) of its frames in pixels.
      fps: frames per second.
      count: number of its frames, by its duration.
      has_sound: whether it has sound.
    """

    path: Path
    size: tuple[int, int]
    fps: float
    count: int
    has_sound: bool


def is_video(path: Path) -> bool:
    """Returns whether a file is a video by its suffix."""
    return path.suffix.lower() in SUFFIXES


def load_ffmpeg() -> Any:
    """Returns the module imageio_ffmpeg, or raises UsageError where it is not installed."""
    # Otherwise it runs Python between fork and exec, which may hang beside JAX's threads.
    os.environ.setdefault("IMAGEIO_FFMPEG_NO_PREVENT_SIGINT", "1")
    with requires("video", "a video file"):
        return importlib.import_module("imageio_ffmpeg")


def unreadable(action: str, path: Path, error: Exception) -> UsageError:
    """Returns the error that a video file cannot be read or written, with the reason in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return UsageError(f"cannot {action} the video {path}: {lines[-1][:MAX_REASON]}")


def read(path: Path) -> tuple[Video, Iterator[np.ndarray]]:
    """Returns a video file's properties, and its frames, float32[height, width, 3] in [0, 1], that are read as they go.

    Raises:
      UsageError: if imageio-ffmpeg is not installed, or the file is missing, damaged or no video.
    """
    ffmpeg = load_ffmpeg()
    if not path.is_file():
        raise UsageError(f"no file {path}")
    try:
        contents = ffmpeg.read_frames(os.fspath(path))
        about = next(contents)
    except Exception as error:  # Of many kinds: ffmpeg is a program, which may fail in any way.
        raise unreadable("read", path, error) from error
    width, height = about["size"]
    count = round(about["duration"] * about["fps"])
    video = Video(path, (width, height), about["fps"], count, bool(about.get("audio_codec")))

    def frames() -> Iterator[np.ndarray]:
        with contextlib.closing(contents):
            try:
                for content in contents:
                    values = np.frombuffer(content, np.uint8).reshape(height, width, 3)
                    yield values.astype(np.float32) / 255
            except (OSError, RuntimeError) as error:
                raise unreadable("read", path, error) from error

    return video, frames()


@contextlib.contextmanager
def writing(path: Path, like: Video) -> Iterator[Callable[[np.ndarray], None]]:
    """A context that yields a function which appends a frame, float32[height, width, 3] in [0, 1], to a video file.

    The file has the size, the rate and the sound of another one. It appears when it is complete.

    Args:
      path: of the file.
      like: the other video.
    Raises:
      UsageError: if it cannot be written.
    """
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.unfinished{path.suffix}")
    # Chroma at half the size, as players expect it, asks for even sides.
    layout = "yuv444p" if any(side % 2 for side in like.size) else "yuv420p"
    sound = {"audio_path": os.fspath(like.path), "audio_codec": "copy"} if like.has_sound else {}
    try:
        writer = load_ffmpeg().write_frames(
            os.fspath(unfinished),
            like.size,
            fps=like.fps,
            pix_fmt_out=layout,
            codec="libx264",
            quality=None,
            macro_block_size=1,
            output_params=list(QUALITY),
            **sound,
        )
        writer.send(None)

        def write(frame: np.ndarray) -> None:
            try:
                writer.send(np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8).tobytes())
            except (OSError, RuntimeError) as error:
                raise unreadable("write", path, error) from error

        with contextlib.closing(writer):
            yield write
        try:
            unfinished.replace(path)
        except OSError as error:
            raise unreadable("write", path, error) from error
    finally:
        unfinished.unlink(missing_ok=True)
