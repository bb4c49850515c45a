"""Pictures of 16 bits for each colour, of which Pillow keeps the upper 8: PNG by pypng, TIFF by tifffile."""

import io
import zlib
from pathlib import Path

import numpy as np

LARGEST = 65535
# Of TIFF 6.0, sections 8 and 18.
PLANES_APART = 2
ALPHA_MULTIPLIED_IN = 1


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
    """Returns uint16[height, width, 3 or 4] of a TIFF file of 16 bits, however its planes lie; not turned upright.

    Raises:
      ValueError: if it has further channels than alpha.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        values = page.asarray()
        values = np.moveaxis(values, 0, -1) if page.planarconfig == PLANES_APART else values
        if values.shape[-1] > 4:
            raise ValueError(f"it has {values.shape[-1]} channels: colours and alpha are at most 4")
        return straight(values) if tuple(page.extrasamples) == (ALPHA_MULTIPLIED_IN,) else values


def straight(values: np.ndarray) -> np.ndarray:
    """Returns uint16[height, width, 4] whose colours alpha is not multiplied into, of one whose it is."""
    alpha = values[..., -1:].astype(np.float32)
    colours = values[..., :-1] * (LARGEST / np.maximum(alpha, 1))
    return np.concatenate([np.rint(np.minimum(colours, LARGEST)).astype(np.uint16), values[..., -1:]], -1)


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
