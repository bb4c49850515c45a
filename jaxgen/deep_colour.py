"""Pictures of 16 bits for each colour, of which Pillow keeps the upper 8: PNG by pypng, TIFF by tifffile."""

import io
import zlib
from pathlib import Path

import numpy as np

LARGEST = 65535


def read_png(file: bytes) -> np.ndarray:
    """Returns uint16[height, width, channel], 1 to 4 channels with alpha last, of a PNG file of 16 bits."""
    import png

    width, height, rows, facts = png.Reader(bytes=file).asDirect()
    values = np.empty((height, width * facts["planes"]), np.uint16)
    for index, row in enumerate(rows):
        values[index] = row
    return values.reshape(height, width, facts["planes"])


def write_png(values: np.ndarray, profile: bytes | None, exif: bytes | None) -> bytes:
    """Returns a PNG file.

    Args:
      values: uint16[height, width, channel], 1 to 4 channels with alpha last.
      profile: ICC profile, or None.
      exif: EXIF data from their TIFF header on, or None.
    """
    import png

    height, width, channels = values.shape
    plain, whole = io.BytesIO(), io.BytesIO()
    writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in {2, 4}, bitdepth=16)
    writer.write_packed(plain, (row.astype(">u2").tobytes() for row in values))
    first, *others = png.Reader(bytes=plain.getvalue()).chunks()
    told = [(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))] if profile else []
    told += [(b"eXIf", exif)] if exif else []
    png.write_chunks(whole, [first, *told, *others])
    return whole.getvalue()


def read_tiff(path: Path) -> np.ndarray:
    """Returns uint16[height, width, 3 or 4] of a TIFF file of 16 bits, however its planes lie; not turned upright."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        values = page.asarray()
        return np.moveaxis(values, 0, -1) if page.planarconfig == 2 else values


def write_tiff(values: np.ndarray, profile: bytes | None) -> bytes:
    """Returns a TIFF file.

    Args:
      values: uint16[height, width, 3 or 4], alpha last.
      profile: ICC profile, or None.
    """
    import tifffile

    whole = io.BytesIO()
    extra = ["unassalpha"] if values.shape[-1] == 4 else None
    tifffile.imwrite(
        whole, values, photometric="rgb", extrasamples=extra, iccprofile=profile, compression="zlib", metadata=None
    )
    return whole.getvalue()
