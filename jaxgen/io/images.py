"""Pictures on disk and pictures in rows: read, write, grid. Pillow is imported here and in `photographs` alone."""

import contextlib
import math
import os
from pathlib import Path

import numpy as np

from jaxgen.errors import UsageError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pbm", ".pgm", ".ppm"})
ORIENTATION = 0x0112  # EXIF tag; above 4, height and width are exchanged
WHITE = 1.0
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Shares of red, green and blue in a grey level (BT.601, full range)."""


def read(path: str | os.PathLike) -> np.ndarray:
    """Returns a picture, upright (EXIF), in one grey channel or three colour channels.

    Palettes and CMYK become colours, transparency is laid over white, 16-bit grey keeps its precision; of 16-bit colour
    Pillow gives the upper 8 bits. Of several frames the first counts.

    Args:
      path: of a picture in any format that Pillow reads; what it holds decides, not its suffix.
    Returns:
      float32[height, width, 1 or 3] in [0, 1].
    Raises:
      UsageError: if the file is missing, damaged, or no picture.
    """
    from PIL import Image, ImageOps

    try:
        # An open file, not a path: what Pillow maps into memory by its path, it mangles where it is to be turned.
        with open(path, "rb") as file, Image.open(file) as picture:
            return pixels(ImageOps.exif_transpose(picture))
    except Exception as error:  # a damaged file leads Pillow's readers to many kinds
        raise unreadable(path, error) from error


def shape(path: str | os.PathLike) -> tuple[int, int, int]:
    """Returns (height, width, channels) as `read` would, from the picture's header alone.

    Args:
      path: of a picture in any format that Pillow reads.
    Raises:
      UsageError: if the file is missing, or no picture.
    """
    from PIL import Image

    try:
        with open(path, "rb") as file, Image.open(file) as picture:
            # The size of a TIFF is upright already; for an orientation behind a PNG's pixels Pillow would decode them.
            lying = picture.format != "TIFF" and (picture.format != "PNG" or "exif" in picture.info)
            turned = lying and picture.getexif().get(ORIENTATION, 1) > 4
            width, height = picture.size[::-1] if turned else picture.size
            return height, width, 1 if is_grey(picture.mode) else 3
    except Exception as error:  # as in `read`
        raise unreadable(path, error) from error


def unreadable(path: str | os.PathLike, error: Exception) -> UsageError:
    """Returns the error that names a picture and, in one line, what is wrong with it."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return UsageError(f"cannot read the picture {os.fspath(path)}: {reason}")


def is_grey(mode: str) -> bool:
    """Returns whether a mode of Pillow's has no colour: one bit, 8 or 16 bits or floating point, with alpha or not."""
    return mode in {"1", "L", "LA", "F"} or mode.startswith("I")


def pixels(picture) -> np.ndarray:
    """Returns a Pillow image as float32[height, width, 1 or 3] in [0, 1]."""
    from PIL import Image

    if picture.mode == "F" or picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.float32) / (1 if picture.mode == "F" else 65535)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError("its grey values are neither 16-bit nor floating point in [0, 1]")
        return values[..., None]
    grey = is_grey(picture.mode)
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    values = np.asarray(picture.convert("L" if grey else "RGB")).astype(np.float32) / 255
    return values[..., None] if grey else values


def write(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a picture, whole or not at all; what was there before stays until it is whole.

    Args:
      path: its suffix names the format. Folders that are missing are made.
      image: floating point [height, width] or [height, width, 1 or 3] in [0, 1]; what lies outside is cut.
    Raises:
      UsageError: if the image is none, the suffix names no format, or the file cannot be written.
    """
    from PIL import Image

    path, image = Path(path), np.asarray(image)
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    is_picture = image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 3)
    if not is_picture or image.dtype.kind not in "fV":  # V is what NumPy makes of bfloat16
        raise UsageError(f"{path}: give floating point [height, width, 1 or 3], not {image.dtype}{list(image.shape)}")
    image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise UsageError(f"{path}: the picture has values that are NaN or infinite")
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise UsageError(f"{path}: give a suffix that names a format, as in .png")
    picture = Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(temporary, kind)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UsageError(f"cannot write the picture {path}: {error.strerror or error}") from error


def grid(images: np.ndarray, columns: int | None = None, pad: int = 2) -> np.ndarray:
    """Returns pictures side by side in rows, on white.

    Args:
      images: floating point [n, height, width, channel] in [0, 1], or [rows, columns, height, width, channel].
      columns: pictures in a row; by default as the images' shape says, or as many as make the grid nearly square.
      pad: pixels around each picture.
    Returns:
      float32[rows · (height + pad) + pad, columns · (width + pad) + pad, channel].
    Raises:
      ValueError: if there is no picture, or no column.
    """
    images = np.asarray(images, np.float32)
    if images.ndim == 5:
        columns = images.shape[1] if columns is None else columns
        images = images.reshape(-1, *images.shape[2:])
    if images.ndim != 4 or not len(images):
        raise ValueError(f"images have shape {images.shape}: give [n, height, width, channel] with n at least 1")
    n, height, width, channels = images.shape
    columns = math.isqrt(n - 1) + 1 if columns is None else columns
    if columns < 1:
        raise ValueError(f"{columns} columns: give 1 or more")
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + pad, width + pad, channels), WHITE, np.float32)
    cells[:n, pad:, pad:] = images
    joined = cells.reshape(rows, columns, height + pad, width + pad, channels).swapaxes(1, 2)
    joined = joined.reshape(rows * (height + pad), columns * (width + pad), channels)
    return np.pad(joined, ((0, pad), (0, pad), (0, 0)), constant_values=WHITE)
