"""Color images of 16 bits per channel, of which Pillow keeps the upper 8: PNG by pypng, TIFF by tifffile."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np

MAX_VALUE = 65535
# Values of TIFF 6.0, sections 8 and 18.
PLANAR = 2
PREMULTIPLIED_ALPHA = 1
METERS_PER_INCH = 0.0254


def read_png(file: bytes) -> np.ndarray:
    """Returns uint16[height, width, channel], 1 to 4 channels with alpha last, of a PNG file of 16 bits."""
    import png

    width, height, rows, info = png.Reader(bytes=file).asDirect()
    values = np.empty((height, width * info["planes"]), np.uint16)
    for index, row in enumerate(rows):
        values[index] = row
    return values.reshape(height, width, info["planes"])


def write_png(
    values: np.ndarray, profile: bytes | None, exif: bytes | None, dpi: tuple[float, float] | None = None
) -> bytes:
    """Returns a PNG file.

    Args:
      values: uint16[height, width, channel], 1 to 4 channels with alpha last.
      profile: ICC profile, or None.
      exif: EXIF data, beginning with their TIFF header, or None.
      dpi: dots per inch, across and down, or None.
    """
    import png

    height, width, channels = values.shape
    pixels_only, file = io.BytesIO(), io.BytesIO()
    writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in {2, 4}, bitdepth=16)
    writer.write_packed(pixels_only, (row.astype(">u2").tobytes() for row in values))
    first, *others = png.Reader(bytes=pixels_only.getvalue()).chunks()
    metadata = [(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))] if profile else []
    metadata += [(b"eXIf", exif)] if exif else []
    if dpi is not None:
        per_meter = (round(dots / METERS_PER_INCH) for dots in dpi)
        metadata += [(b"pHYs", struct.pack(">IIB", *per_meter, 1))]
    png.write_chunks(file, [first, *metadata, *others])
    return file.getvalue()


def read_tiff(path: Path) -> np.ndarray:
    """Returns uint16[height, width, 3 or 4] of a TIFF file of 16 bits, interleaved or planar; its orientation stays.

    Raises:
      ValueError: if it has other channels besides colors and alpha.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        values = page.asarray()
        values = np.moveaxis(values, 0, -1) if page.planarconfig == PLANAR else values
        if values.shape[-1] > 4:
            raise ValueError(f"it has {values.shape[-1]} channels: give at most 4, colors and alpha")
        return unpremultiplied(values) if tuple(page.extrasamples) == (PREMULTIPLIED_ALPHA,) else values


def unpremultiplied(values: np.ndarray) -> np.ndarray:
    """Returns uint16[height, width, 4] with straight alpha, of values with premultiplied alpha."""
    alpha = values[..., -1:].astype(np.float32)
    colors = values[..., :-1] * (MAX_VALUE / np.maximum(alpha, 1))
    return np.concatenate([np.rint(np.minimum(colors, MAX_VALUE)).astype(np.uint16), values[..., -1:]], -1)


def write_tiff(values: np.ndarray, profile: bytes | None, dpi: tuple[float, float] | None = None) -> bytes:
    """Returns a TIFF file.

    Args:
      values: uint16[height, width, 3 or 4], alpha last.
      profile: ICC profile, or None.
      dpi: dots per inch, across and down, or None.
    """
    import tifffile

    file = io.BytesIO()
    extra = ["unassalpha"] if values.shape[-1] == 4 else None
    tifffile.imwrite(
        file,
        values,
        photometric="rgb",
        extrasamples=extra,
        iccprofile=profile,
        compression="zlib",
        metadata=None,
        resolution=dpi,
        resolutionunit="INCH" if dpi else None,
    )
    return file.getvalue()
