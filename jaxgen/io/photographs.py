"""Reads and writes photographs with their bit depth, transparency, color profile, EXIF data and dots per inch."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io import deep_color
from jaxgen.io.images import ORIENTATION, is_gray, unreadable
from jaxgen.io.text import write_image_file

MEGAPIXELS = 100.0
"""Default size limit of files that are read."""
SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "PPM": (".ppm", ".pgm"),
}
"""Formats that are written as they were read, with their suffixes; others are written as PNG."""
QUALITY = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}
EXIF_HEADER = b"Exif\0\0"
PNG_DEPTH_OFFSET = 24
"""Byte of a PNG file that holds the bits per channel."""
TIFF_BITS_TAG = 258
MAX_DPI = 65535
"""Largest value that fits in a JPEG file."""
PPM_HEADER_SIZE = 4096


class Photograph(NamedTuple):
    """A photograph with the metadata that its restored version keeps.

    Attributes:
      pixels: float32[height, width, 1 or 3] in [0, 1], oriented.
      alpha: float32[height, width, 1] in [0, 1], or None for an opaque photograph.
      kind: Pillow's name of the format in which it is written.
      bits: per channel, 8 or 16.
      profile: ICC color profile, or None.
      exif: EXIF data without the orientation, or None.
      dpi: dots per inch, across and down, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    kind: str = "PNG"
    bits: int = 8
    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None


def read(path: str | os.PathLike, megapixels: float = MEGAPIXELS) -> Photograph:
    """Returns the photograph in a file.

    Args:
      path: of an image in any format that Pillow reads, whatever its suffix.
      megapixels: size limit.
    Raises:
      UsageError: if the file is missing, empty, damaged, no image, several images or above the size limit.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, open_image(file) as image:
            check_size(path, image, megapixels)
            return decode(path, image)
    except UsageError:
        raise
    except Exception as error:  # Pillow's readers raise many types for damaged files.
        raise unreadable(path, error) from error


@contextlib.contextmanager
def open_image(file: io.BufferedReader) -> Iterator[Any]:
    """Yields the Pillow image of an open file, of which only the header was read."""
    from PIL import Image

    if not file.peek(1):
        raise ValueError("it is empty")
    # `check_size` raises an error in place of Pillow's warning.
    previous, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(file) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = previous


def check_size(path: Path, image, megapixels: float) -> None:
    """Raises UsageError for a file of several images, or one above the size limit."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # Further views of a camera's JPEG, or its preview.
        raise UsageError(f"{path}: it holds {frames} images; give a file for each")
    size = image.width * image.height / 1e6
    if size > megapixels:
        raise UsageError(f"{path}: {size:.1f} megapixels, and {megapixels:g} are allowed: raise --max-megapixels")


def decode(path: Path, image) -> Photograph:
    """Returns the photograph of an opened Pillow image."""
    profile, exif, dpi = image.info.get("icc_profile"), exif_without_orientation(image), dots_per_inch(image)
    kind = "JPEG" if image.format == "MPO" else image.format
    kind = kind if kind in SUFFIXES else "PNG"
    if image.format == "PPM" and image.mode == "RGB" and is_deep_ppm(path):
        raise ValueError("it has 16 bits for each color, of which this format's reader keeps 8: save it as PNG")
    if is_deep(path, image):
        orientation = 1 if image.format == "PNG" and "exif" not in image.info else image.getexif().get(ORIENTATION, 1)
        values = deep_color.read_png(path.read_bytes()) if kind == "PNG" else deep_color.read_tiff(path)
        pixels, alpha = split_alpha(oriented(values.astype(np.float32) / deep_color.MAX_VALUE, orientation))
        return Photograph(pixels, alpha, kind, 16, profile, exif, dpi)
    if image.mode in {"CMYK", "LAB"}:
        profile = None  # It describes other colors than RGB, which is written.
    return Photograph(*read_values(image), kind, 16 if image.mode.startswith("I") else 8, profile, exif, dpi)


def is_deep(path: Path, image) -> bool:
    """Returns whether an image has several channels of 16 bits."""
    if image.format == "PNG":
        with path.open("rb") as file:
            bits = file.read(PNG_DEPTH_OFFSET + 1)[-1]
        return bits == 16 and image.mode in {"RGB", "RGBA", "LA"}
    return image.format == "TIFF" and image.mode in {"RGB", "RGBA"} and max(image.tag_v2.get(TIFF_BITS_TAG, (8,))) == 16


def is_deep_ppm(path: Path) -> bool:
    """Returns whether a PPM file's largest value needs more than 8 bits."""
    with path.open("rb") as file:
        words = re.sub(rb"#[^\n]*", b"", file.read(PPM_HEADER_SIZE)).split(maxsplit=4)
    return int(words[3]) > 255


def exif_without_orientation(image) -> bytes | None:
    """Returns an image's EXIF data without the orientation, or None where there are none."""
    from PIL import Image

    if image.format == "TIFF":  # Its EXIF data are the whole header.
        return None
    exif = Image.Exif()
    exif.load(image.getexif().tobytes())
    exif.pop(ORIENTATION, None)
    return exif.tobytes().removeprefix(EXIF_HEADER) if len(exif) else None


def dots_per_inch(image) -> tuple[float, float] | None:
    """Returns the dots per inch that an image's file states, or None; Pillow returns 1 for a TIFF that states none."""
    across, down = map(float, image.info.get("dpi", (0, 0)))
    return (across, down) if 1 < across <= MAX_DPI and 1 < down <= MAX_DPI else None


def read_values(image) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns oriented (pixels, alpha) of an image that Pillow reads at full depth."""
    from PIL import ImageOps

    return values_of(ImageOps.exif_transpose(image))


def values_of(image) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (pixels, alpha) of a Pillow image as it lies in memory, see `Photograph`.

    Raises:
      ValueError: if its values are floating point, or gray values of more than 16 bits.
    """
    if image.mode == "F":
        raise ValueError("its values are floating point: give 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float32) / deep_color.MAX_VALUE
        if not 0 <= values.min() <= values.max() <= 1:
            raise ValueError("its gray values are not 16-bit")
        return values[..., None], None
    mode = ("L" if is_gray(image.mode) else "RGB") + ("A" if image.has_transparency_data else "")
    values = np.asarray(image.convert(mode)).astype(np.float32) / 255
    return split_alpha(values[..., None] if mode == "L" else values)


def split_alpha(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (pixels, alpha) of values [height, width, 1 to 4]; the last of two or four channels is alpha."""
    return (values[..., :-1], values[..., -1:]) if values.shape[-1] in {2, 4} else (values, None)


def oriented(values: np.ndarray, orientation: int) -> np.ndarray:
    """Returns values [height, width, channel] rotated and reflected according to EXIF's orientation, 1 to 8."""
    values = values.swapaxes(0, 1) if orientation >= 5 else values
    values = values[::-1] if orientation in {3, 4, 7, 8} else values
    return values[:, ::-1] if orientation in {2, 3, 6, 7} else values


def write(path: str | os.PathLike, photograph: Photograph) -> None:
    """Writes a photograph in its format, atomically.

    Args:
      path: of the file; a missing folder is created.
      photograph: pixels and alpha outside of [0, 1] are clipped.
    Raises:
      UsageError: if it cannot be written.
    """
    path = Path(path)
    try:
        file = encode(photograph)
    except (OSError, ValueError) as error:  # Too large for the format, or too much EXIF data.
        raise UsageError(f"cannot write {path} as {photograph.kind}: {error}") from error
    write_image_file(path, file)


def joined(photograph: Photograph) -> np.ndarray:
    """Returns the pixels and, where there is one, alpha as float32[height, width, 1 to 4], clipped to [0, 1]."""
    pixels, alpha = photograph.pixels, photograph.alpha
    return np.clip(pixels if alpha is None else np.concatenate([pixels, alpha], -1), 0, 1)


def rounded(photograph: Photograph, bits: int) -> np.ndarray:
    """Returns the pixels and alpha as integers of 8 or 16 bits, [height, width, 1 to 4]."""
    return np.rint(joined(photograph) * (2**bits - 1)).astype(np.uint16 if bits == 16 else np.uint8)


def encode(photograph: Photograph) -> bytes:
    """Returns the content of a photograph's file."""
    from PIL import Image

    _, _, kind, bits, profile, exif, dpi = photograph
    values = rounded(photograph, bits)
    if bits == 16 and values.shape[-1] > 1:
        if kind == "TIFF" and values.shape[-1] != 2:
            return deep_color.write_tiff(values, profile, dpi)
        return deep_color.write_png(values, profile, exif, dpi)
    extra = {"icc_profile": profile} if profile else {}
    extra |= {"dpi": dpi} if dpi else {}
    extra |= {"exif": EXIF_HEADER + exif} if exif and kind in {"PNG", "JPEG", "WEBP"} else {}
    file = io.BytesIO()
    Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values).save(
        file, kind, **extra, **QUALITY.get(kind, {})
    )
    return file.getvalue()
