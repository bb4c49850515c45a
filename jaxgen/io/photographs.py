"""A photograph as its file holds it: upright pixels, and all that a restored one must keep."""

import contextlib
import io
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io import deep_color
from jaxgen.io.images import ORIENTATION, is_grey, unreadable

MEGAPIXELS = 100.0
SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "PPM": (".ppm", ".pgm"),
}
"""What is written as it was read, with the suffixes that name it; all else is written as PNG."""
QUALITY = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}
EXIF_HEADER = b"Exif\0\0"
DEPTH_IN_PNG = 24  # where the bits for each value stand
BITS_IN_TIFF = 258
HEADER_OF_PPM = 4096


class Photograph(NamedTuple):
    """A photograph and what belongs to it.

    Attributes:
      pixels: float32[height, width, 1 or 3] in [0, 1], upright.
      alpha: float32[height, width, 1] in [0, 1], or None where all is opaque.
      kind: Pillow's name of the format in which it is written again.
      bits: for each value, 8 or 16.
      profile: ICC profile of the colours, or None.
      exif: EXIF data without the orientation, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    kind: str = "PNG"
    bits: int = 8
    profile: bytes | None = None
    exif: bytes | None = None


def read(path: str | os.PathLike, megapixels: float = MEGAPIXELS) -> Photograph:
    """Returns the photograph in a file.

    Args:
      path: of a picture in any format that Pillow reads; what it holds decides, not its suffix.
      megapixels: the most that is read.
    Raises:
      UsageError: if the file is missing, empty, damaged, no picture, several pictures or larger than that.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, opened(file) as picture:
            refuse(path, picture, megapixels)
            return load(path, picture)
    except UsageError:
        raise
    except Exception as error:  # a damaged file leads Pillow's readers to many kinds
        raise unreadable(path, error) from error


@contextlib.contextmanager
def opened(file: io.BufferedReader):
    """Yields the picture of an open file, of which only the header was read."""
    from PIL import Image

    if not file.peek(1):
        raise ValueError("it is empty")
    # The limit of pixels is ours, and an error rather than a warning.
    kept, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(file) as picture:
            yield picture
    finally:
        Image.MAX_IMAGE_PIXELS = kept


def refuse(path: Path, picture, megapixels: float) -> None:
    """Raises UsageError for what is not one picture, or is too large a one."""
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # further views of a camera's JPEG, or its preview
        raise UsageError(f"{path}: it holds {frames} pictures; give a file for each")
    size = picture.width * picture.height / 1e6
    if size > megapixels:
        raise UsageError(f"{path}: {size:.1f} megapixels, and {megapixels:g} are allowed; raise --max-megapixels")


def load(path: Path, picture) -> Photograph:
    """Returns an opened picture as a Photograph."""
    profile, exif = picture.info.get("icc_profile"), told(picture)
    kind = "JPEG" if picture.format == "MPO" else picture.format
    kind = kind if kind in SUFFIXES else "PNG"
    if picture.format == "PPM" and picture.mode == "RGB" and is_deep_ppm(path):
        raise ValueError("it has 16 bits for each colour, of which this format's reader keeps 8: save it as PNG")
    if is_deep(path, picture):
        turn = 1 if picture.format == "PNG" and "exif" not in picture.info else picture.getexif().get(ORIENTATION, 1)
        values = deep_color.read_png(path.read_bytes()) if kind == "PNG" else deep_color.read_tiff(path)
        pixels, alpha = apart(upright(values.astype(np.float32) / deep_color.LARGEST, turn))
        return Photograph(pixels, alpha, kind, 16, profile, exif)
    if picture.mode in {"CMYK", "LAB"}:
        profile = None  # it describes other colours than those that are written
    return Photograph(*values_of(picture), kind, 16 if picture.mode.startswith("I") else 8, profile, exif)


def is_deep(path: Path, picture) -> bool:
    """Returns whether a picture has 16 bits for each of several channels."""
    if picture.format == "PNG":
        with path.open("rb") as file:
            bits = file.read(DEPTH_IN_PNG + 1)[-1]
        return bits == 16 and picture.mode in {"RGB", "RGBA", "LA"}
    return (
        picture.format == "TIFF"
        and picture.mode in {"RGB", "RGBA"}
        and max(picture.tag_v2.get(BITS_IN_TIFF, (8,))) == 16
    )


def is_deep_ppm(path: Path) -> bool:
    """Returns whether a PPM file's largest value needs more than 8 bits."""
    with path.open("rb") as file:
        words = re.sub(rb"#[^\n]*", b"", file.read(HEADER_OF_PPM)).split(maxsplit=4)
    return int(words[3]) > 255


def told(picture) -> bytes | None:
    """Returns a picture's EXIF data without its orientation, None where there are none."""
    from PIL import Image

    if picture.format == "TIFF":  # of which they are the whole header
        return None
    exif = Image.Exif()
    exif.load(picture.getexif().tobytes())
    exif.pop(ORIENTATION, None)
    return exif.tobytes().removeprefix(EXIF_HEADER) if len(exif) else None


def values_of(picture) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns upright (pixels, alpha) of a picture whose values Pillow keeps whole."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise ValueError("its values are floating point: give 8 or 16 bits")
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.float32) / deep_color.LARGEST
        if not 0 <= values.min() <= values.max() <= 1:
            raise ValueError("its grey values are not 16-bit")
        return values[..., None], None
    mode = ("L" if is_grey(picture.mode) else "RGB") + ("A" if picture.has_transparency_data else "")
    values = np.asarray(picture.convert(mode)).astype(np.float32) / 255
    return apart(values[..., None] if mode == "L" else values)


def apart(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (pixels, alpha) of values [height, width, 1 to 4], alpha last where their number is even."""
    return (values[..., :-1], values[..., -1:]) if values.shape[-1] in {2, 4} else (values, None)


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Returns values [height, width, channel] turned and mirrored as EXIF's orientation, 1 to 8, says."""
    values = values.swapaxes(0, 1) if orientation >= 5 else values
    values = values[::-1] if orientation in {3, 4, 7, 8} else values
    return values[:, ::-1] if orientation in {2, 3, 6, 7} else values


def write(path: str | os.PathLike, photograph: Photograph) -> None:
    """Writes a photograph in its format, whole or not at all.

    Args:
      path: of the file; its folder is made where it is missing.
      photograph: pixels and alpha outside of [0, 1] are cut.
    Raises:
      UsageError: if it cannot be written.
    """
    path = Path(path)
    try:
        file = encoded(photograph)
    except (OSError, ValueError) as error:  # too large for the format, or more EXIF data than it holds
        raise UsageError(f"cannot write {path} as {photograph.kind}: {error}") from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(file)
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write the picture {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def encoded(photograph: Photograph) -> bytes:
    """Returns the file of a photograph."""
    from PIL import Image

    pixels, alpha, kind, bits, profile, exif = photograph
    channels = pixels if alpha is None else np.concatenate([pixels, alpha], -1)
    values = np.rint(np.clip(channels, 0, 1) * (2**bits - 1)).astype(np.uint16 if bits == 16 else np.uint8)
    if bits == 16 and values.shape[-1] > 1:
        if kind == "TIFF" and values.shape[-1] != 2:
            return deep_color.write_tiff(values, profile)
        return deep_color.write_png(values, profile, exif)
    extra = {"icc_profile": profile} if profile else {}
    extra |= {"exif": EXIF_HEADER + exif} if exif and kind in {"PNG", "JPEG", "WEBP"} else {}
    file = io.BytesIO()
    Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values).save(
        file, kind, **extra, **QUALITY.get(kind, {})
    )
    return file.getvalue()
