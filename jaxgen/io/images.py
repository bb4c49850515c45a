"""Reads and writes image files, and arranges images in a grid."""

import functools
import importlib
import importlib.util
import io
import math
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io.text import write_image_file

HEIF_SUFFIXES = frozenset({".heic", ".heif"})
SUFFIXES = HEIF_SUFFIXES | {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif"),
    *(".pbm", ".pgm", ".ppm"),
}
"""Of the files in a folder that count as images."""
HEIF_ADVICE = "HEIF images, whose reader is missing: pip install 'jaxgen[heic]'"
AVIF_ADVICE = "AVIF images, which this build of Pillow does not read: pip install --upgrade pillow"
ORIENTATION = 0x0112
"""EXIF tag; for values above 4, height and width are exchanged."""
WHITE = 1.0
MAX_SIXTEEN_BITS = 65_535
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in luma (BT.601, full range)."""


def read(path: str | os.PathLike, white: int = MAX_SIXTEEN_BITS) -> np.ndarray:
    """Returns an image, oriented by its EXIF data, with one gray channel or three color channels.

    Palettes and CMYK are converted to RGB, transparency is composited over white, 16-bit gray keeps its precision, and
    16-bit color is reduced to the upper 8 bits by Pillow. Of several frames the first is read.

    Args:
      path: of an image in any format that Pillow reads, whatever its suffix.
      white: value of white in a 16-bit gray image; 4095 where 12 bits are stored in 16.
    Returns:
      float32[height, width, 1 or 3] in [0, 1].
    Raises:
      UsageError: if the file is missing, damaged, or no image.
    """
    from PIL import Image, ImageOps

    add_heif_reader()
    try:
        # An open file, not a path: Pillow memory-maps files given by path, and mangles those it has to rotate.
        with open(path, "rb") as file, Image.open(file) as image_file:
            return pixels(ImageOps.exif_transpose(image_file), white)
    except Exception as error:  # Pillow's readers raise many types for damaged files.
        raise unreadable(path, error) from error


def shape(path: str | os.PathLike) -> tuple[int, int, int]:
    """Returns (height, width, channels) of the array that `read` returns, from the file's header alone.

    Args:
      path: of an image in any format that Pillow reads.
    Raises:
      UsageError: if the file is missing, or no image.
    """
    from PIL import Image

    add_heif_reader()
    try:
        with open(path, "rb") as file, Image.open(file) as image_file:
            # Pillow orients a TIFF's size itself; to find an orientation behind a PNG's pixels it would decode them.
            may_rotate = image_file.format != "TIFF" and (image_file.format != "PNG" or "exif" in image_file.info)
            is_rotated = may_rotate and image_file.getexif().get(ORIENTATION, 1) > 4
            width, height = image_file.size[::-1] if is_rotated else image_file.size
            return height, width, 1 if is_gray(image_file.mode) else 3
    except Exception as error:  # See `read`.
        raise unreadable(path, error) from error


def has_deep_gray(path: str | os.PathLike) -> bool:
    """Returns whether the header of an image file says that it has 16-bit gray values; False where it has none."""
    from PIL import Image

    try:
        with Image.open(path) as image_file:
            return image_file.mode.startswith("I")
    except OSError:
        return False


@functools.cache
def add_heif_reader() -> bool:
    """Lets Pillow read HEIF files where pillow-heif is installed, and returns whether it is."""
    if importlib.util.find_spec("pillow_heif") is None:
        return False
    importlib.import_module("pillow_heif").register_heif_opener()
    return True


def missing_reader(suffix: str) -> str:
    """Returns what images of a suffix are and how they could be read; empty where they can, or none are known."""
    from PIL import features

    if suffix.lower() in HEIF_SUFFIXES and not add_heif_reader():
        return HEIF_ADVICE
    return AVIF_ADVICE if suffix.lower() == ".avif" and not features.check("avif") else ""


def unreadable(path: str | os.PathLike, error: Exception) -> UsageError:
    """Returns the error that an image cannot be read, with the reason in one line."""
    from PIL import UnidentifiedImageError

    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        reason = missing_reader(Path(path).suffix) and f"it is one of the {missing_reader(Path(path).suffix)}"
        reason = reason or "it is no image, or its format is unknown; save it as JPEG, PNG or TIFF"
    elif isinstance(error, OSError) and error.strerror:  # Its text would name the file again.
        reason = error.strerror
    return UsageError(f"cannot read the image {os.fspath(path)}: {reason}")


def is_gray(mode: str) -> bool:
    """Returns whether a mode of Pillow is gray: of one, 8 or 16 bits or floating point, with or without alpha."""
    return mode in {"1", "L", "LA", "F"} or mode.startswith("I")


def pixels(image_file, white: int = MAX_SIXTEEN_BITS) -> np.ndarray:
    """Returns a Pillow image as float32[height, width, 1 or 3] in [0, 1]; `white` is that of a 16-bit gray one."""
    from PIL import Image

    if image_file.mode == "F" or image_file.mode.startswith("I"):
        values, scale = np.asarray(image_file).astype(np.float32), 1 if image_file.mode == "F" else white
        if scale < values.max() <= MAX_SIXTEEN_BITS and scale > 1:
            raise ValueError(f"its gray values go up to {values.max():.0f}, above {white}, which is to be white")
        values = values / scale
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError("its gray values are neither 16-bit nor floating point in [0, 1]")
        return values[..., None]
    gray = is_gray(image_file.mode)
    if image_file.has_transparency_data:
        image_file = Image.alpha_composite(Image.new("RGBA", image_file.size, "white"), image_file.convert("RGBA"))
    values = np.asarray(image_file.convert("L" if gray else "RGB")).astype(np.float32) / 255
    return values[..., None] if gray else values


def write(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes an image atomically: an existing file is replaced only when the new one is complete.

    Args:
      path: its suffix names the format. Missing folders are created.
      image: floating point [height, width] or [height, width, 1 or 3] in [0, 1]; values outside are clipped.
    Raises:
      UsageError: if the array is no image, the suffix names no format, or the file cannot be written.
    """
    from PIL import Image

    path, image = Path(path), np.asarray(image)
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    is_image = image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 3)
    if not is_image or image.dtype.kind not in "fV":  # V is NumPy's kind of bfloat16.
        raise UsageError(f"{path}: give floating point [height, width, 1 or 3], not {image.dtype}{list(image.shape)}")
    image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise UsageError(f"{path}: the image has values that are NaN or infinite")
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise UsageError(f"{path}: give a suffix of an image format, such as .png")
    image_file = Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))
    content = io.BytesIO()
    image_file.save(content, kind)
    write_image_file(path, content.getvalue())


def grid(images: np.ndarray, columns: int | None = None, pad: int = 2) -> np.ndarray:
    """Returns images arranged in rows on a white background.

    Args:
      images: floating point [n, height, width, channel] in [0, 1], or [rows, columns, height, width, channel].
      columns: images in a row; None: from the shape [rows, columns, …], or so that the grid is nearly square.
      pad: pixels around each image.
    Returns:
      float32[rows · (height + pad) + pad, columns · (width + pad) + pad, channel].
    Raises:
      ValueError: if there is no image, or no column.
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


def write_singles(folder: Path, parts: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Writes images as 0000.png, 0001.png, … as they come, and returns the first ones.

    Args:
      folder: created if missing.
      parts: float[n, h, w, c] in [0, 1] each.
      count: how many are returned, at most.
    Raises:
      UsageError: if one of them cannot be written.
    """
    first: list[np.ndarray] = []
    index = 0
    for part in parts:
        for image in np.asarray(part):
            write(folder / f"{index:04d}.png", image)
            if index < count:
                first.append(image)
            index += 1
    return np.stack(first)
