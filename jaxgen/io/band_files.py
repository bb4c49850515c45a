"""Writes photographs some rows at a time, for those that are too large to be held as floating-point numbers.

The rows are rounded to 8 or 16 bits as they come. Up to `formats.MAX_PIXELS` they are collected, since encoders of
most formats take a whole image; a larger image is a PNG file, which is compressed and written band by band.
Reference: W3C, Portable Network Graphics (third edition), 2025, sections 9 and 10.
"""

import struct
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io import formats, photographs, png_files, provenance
from jaxgen.io.photographs import Photograph
from jaxgen.io.text import unfinished_path

COMPRESSION = 6
SUB_FILTER = 1
"""PNG's filter by which each sample is stored as the difference from the pixel on its left."""


class BandFile:
    """A photograph's file, written from above and visible when it is complete."""

    def __init__(self, path: Path, photograph: Photograph, note: dict[str, Any], scale: int = 1) -> None:
        """Opens the file.

        Args:
          path: of the file.
          photograph: original, whose metadata are kept; its format holds the result, see `photographs.fitted`.
          note: see `provenance`.
          scale: size of the result as a multiple of the photograph's.
        Raises:
          UsageError: if the file cannot be written.
        """
        self.path, self.note, self.top = path, note, 0
        height, width, channels = photograph.pixels.shape
        size = scale * height, scale * width
        # A view without memory of its own: the size of the metadata is that of the result.
        pixels = np.broadcast_to(np.float32(0), (*size, channels))
        alpha = None if photograph.alpha is None else np.broadcast_to(np.float32(0), (*size, 1))
        self.photograph = photographs.with_pixels(photograph, pixels, alpha)
        self.bits, self.white = photographs.depth_of(self.photograph)
        self.channels = photographs.channels_of(photograph)
        self.values: np.ndarray | None = None
        self.stream: BinaryIO | None = None
        if size[0] * size[1] > formats.MAX_PIXELS:
            self.unfinished = unfinished_path(path)
            try:
                self.stream = self.unfinished.open("wb")
                self.stream.write(self.header(*size))
            except OSError as error:
                raise self.failure(error) from error
            self.compressor = zlib.compressobj(COMPRESSION)
        else:
            self.values = np.empty((*size, self.channels), np.uint16 if self.bits == 16 else np.uint8)

    def __enter__(self) -> Self:
        return self

    def header(self, height: int, width: int) -> bytes:
        """Returns a PNG file up to its pixels, of the file of one pixel with the same metadata."""
        one = self.photograph._replace(
            pixels=np.zeros((1, 1, self.photograph.pixels.shape[-1]), np.float32),
            alpha=None if self.photograph.alpha is None else np.zeros((1, 1, 1), np.float32),
        )
        content = provenance.attach(photographs.encode(one), self.note)
        start = len(png_files.SIGNATURE)
        data = struct.pack(">II", width, height) + content[start + 16 : start + 21]
        pixels = content.index(b"IDAT") - 4
        return content[:start] + png_files.chunk(b"IHDR", data) + content[start + 25 : pixels]

    def write(self, pixels: np.ndarray, alpha: np.ndarray | None = None) -> None:
        """Writes the next rows.

        Args:
          pixels: float32[rows, width, channel] in [0, 1].
          alpha: float32[rows, width, 1], of a photograph that has one.
        Raises:
          UsageError: if they cannot be written.
        """
        rows = photographs.rounded(self.photograph._replace(pixels=pixels, alpha=alpha), self.bits, self.white)
        if self.values is not None:
            self.values[self.top : self.top + len(rows)] = rows
        else:
            self.write_data(self.compressor.compress(filtered(rows)))
        self.top += len(rows)

    def write_data(self, data: bytes) -> None:
        """Writes compressed pixels."""
        assert self.stream is not None, "it is written to the disk"
        try:
            if data:
                self.stream.write(png_files.chunk(b"IDAT", data))
        except OSError as error:
            raise self.failure(error) from error

    def failure(self, error: OSError) -> UsageError:
        """Returns the error that the file cannot be written."""
        return UsageError(f"cannot write the image {self.path}: {error.strerror or error}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.values is not None:
            if kind is None:
                photographs.write_values(self.path, self.photograph, self.values, self.note)
            return
        assert self.stream is not None, "it is written to the disk"
        try:
            if kind is None:
                self.write_data(self.compressor.flush())
                self.stream.write(png_files.chunk(b"IEND", b""))
                self.stream.close()
                self.unfinished.replace(self.path)
        except OSError as problem:
            raise self.failure(problem) from problem
        finally:
            self.stream.close()
            self.unfinished.unlink(missing_ok=True)


def filtered(rows: np.ndarray) -> bytes:
    """Returns rows of samples as PNG stores them, each behind the number of its filter.

    Args:
      rows: uint8 or uint16[rows, width, channel].
    """
    bytes_per_pixel = rows.shape[-1] * rows.itemsize
    lines = rows.astype(rows.dtype.newbyteorder(">")).reshape(len(rows), -1).view(np.uint8)
    result = np.empty((len(lines), 1 + lines.shape[1]), np.uint8)
    result[:, 0] = SUB_FILTER
    result[:, 1:] = lines
    result[:, 1 + bytes_per_pixel :] -= lines[:, :-bytes_per_pixel]
    return result.tobytes()
