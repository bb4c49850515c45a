"""TIFF files: samples of more than 8 bits, of which Pillow keeps 8, previews beside the picture, and tags.

Compressed samples are decompressed by the libtiff inside Pillow: the package that tifffile would need for it,
imagecodecs, takes 79 MB.
Reference: Adobe, TIFF 6.0, 1992; Adobe Photoshop TIFF technical notes, 2002 (further compressions).
"""

import io
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of a TIFF file; of a BigTIFF file the last two."""
MAX_VALUE = 65535
TWELVE_BITS = 4095
# Values of tags.
UNSIGNED, FLOATING_POINT = 1, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
UNCOMPRESSED = 1
DECOMPRESSED = {5: "LZW", 8: "Deflate", 32946: "Deflate", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}
"""Compressions without loss that libtiff reverses; of samples of any number of bits."""
HORIZONTAL = 2
"""Predictor that stores differences of neighbors."""
PLANAR = 2
PREMULTIPLIED_ALPHA = 1
REDUCED, TRANSPARENCY_MASK = 1, 4
MAX_SAMPLE_VALUE = 281
INCH, CENTIMETER = 2, 3
CENTIMETERS_PER_INCH = 2.54
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
"""Tags of text: ImageDescription, Make, Model, Software, DateTime, Artist, Copyright."""
ICC_PROFILE, XMP = 34675, 700
LAYOUT = ('{"shape":', "ImageJ=", "<?xml")
"""Beginnings of an ImageDescription that describes how the file's arrays lie, which the result's do not."""


class Picture(NamedTuple):
    """The picture of a TIFF file, beside which there may be previews.

    Attributes:
      page: its tags.
      frame: its number in the file's chain of pages; None where the page is outside of it.
    """

    page: "TiffPage"
    frame: int | None

    @property
    def is_deep(self) -> bool:
        """Whether Pillow would not read all of its samples."""
        color = self.page.photometric in {WHITE_IS_ZERO, BLACK_IS_ZERO, RGB}
        return self.frame is None or self.page.sampleformat != UNSIGNED or (color and self.page.bitspersample > 8)


def is_tiff(file: io.BufferedReader) -> bool:
    """Returns whether an open file is a TIFF file by its first bytes, which stay unread.

    Raises:
      ValueError: if it is empty.
    """
    start = file.peek(len(MAGIC[0]))[: len(MAGIC[0])]
    if not start:
        raise ValueError("it is empty")
    return start in MAGIC


def pictures(file: "TiffFile") -> list[Picture]:
    """Returns the pictures of a file: its pages that are neither reduced ones of others nor masks.

    Where the chain of pages holds previews alone, as in files of cameras, those in their sub-pages.
    """

    def whole(pages) -> list[tuple[int, "TiffPage"]]:
        parsed = ((index, pages[index].aspage()) for index in range(len(pages)))
        return [(index, page) for index, page in parsed if not page.subfiletype & (REDUCED | TRANSPARENCY_MASK)]

    found = [Picture(page, index) for index, page in whole(file.pages)]
    if found:
        return found
    chain = [file.pages[index].aspage() for index in range(len(file.pages))]
    inside = [page for one in chain if one.pages is not None for _, page in whole(one.pages)]
    return [Picture(page, None) for page in inside] or [Picture(chain[0], 0)]


def read_samples(page: "TiffPage") -> tuple[np.ndarray, int]:
    """Returns the samples of a page, and the value of white.

    Samples are those of the file, except that black is 0 and alpha is straight. White is the largest value of their
    bits. Samples of 16 bits may hold fewer: where the tag MaxSampleValue says so, or none is above `TWELVE_BITS`.

    Returns:
      uint8 or uint16[height, width, 1 to 4], alpha last; the orientation stays.
    Raises:
      ValueError: if the page has other samples.
    """
    if page.sampleformat == FLOATING_POINT:
        raise ValueError("its values are floating point: give 8 or 16 bits")
    if page.sampleformat != UNSIGNED or not 8 <= page.bitspersample <= 16:
        kind = "bits" if page.sampleformat == UNSIGNED else "bits with a sign"
        raise ValueError(f"its values have {page.bitspersample} {kind}: give 8 or 16 bits")
    if page.photometric not in {WHITE_IS_ZERO, BLACK_IS_ZERO, RGB}:
        name = getattr(page.photometric, "name", page.photometric)
        raise ValueError(f"its colors are {name}: give gray or RGB; develop the raw file of a camera first")
    colors = 3 if page.photometric == RGB else 1
    if not colors <= page.samplesperpixel <= colors + 1:
        raise ValueError(f"it has {page.samplesperpixel} channels: give {colors} of colors, and perhaps alpha")
    values, white = decode(page), 2**page.bitspersample - 1
    stated = page.tags.valueof(MAX_SAMPLE_VALUE, white)
    stated = max(stated) if isinstance(stated, tuple) else stated
    if white == MAX_VALUE:
        largest = values[..., :colors].max()
        if stated in {2**bits - 1 for bits in range(9, 16)} and largest <= stated:
            white = stated
        elif 255 < largest <= TWELVE_BITS:
            white = TWELVE_BITS
    if page.photometric == WHITE_IS_ZERO:
        values[..., :1] = white - values[..., :1]
    return (unpremultiplied(values, white) if tuple(page.extrasamples) == (PREMULTIPLIED_ALPHA,) else values), white


def decode(page: "TiffPage") -> np.ndarray:
    """Returns the samples of a page as they are stored, uint8 or uint16[height, width, channel]."""
    height, width, channels = page.imagelength, page.imagewidth, page.samplesperpixel
    block = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)
    planes, samples = (channels, 1) if page.planarconfig == PLANAR else (1, channels)
    down, across = -(-height // block[0]), -(-width // block[1])
    kind = np.uint8 if page.bitspersample == 8 else np.uint16
    result = np.zeros((planes, down * block[0], across * block[1], samples), kind)
    for index, stored in segments(page):
        plane, place = divmod(index, down * across)
        top, left = block[0] * (place // across), block[1] * (place % across)
        rows = block[0] if page.is_tiled else min(block[0], height - top)
        row_size = -(-block[1] * samples * page.bitspersample // 8)
        values = unpacked(decompressed(page, stored, rows, row_size), page, rows, block[1] * samples)
        values = values.reshape(rows, block[1], samples)
        if page.predictor == HORIZONTAL:
            values = np.cumsum(values, 1, values.dtype)
        result[plane, top : top + rows, left : left + block[1]] = values
    return np.concatenate(list(result[:, :height, :width]), -1)


def segments(page: "TiffPage") -> Iterator[tuple[int, bytes]]:
    """Yields the index and the stored bytes of each strip or tile of a page."""
    file = page.parent.filehandle
    for index, (offset, size) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        file.seek(offset)
        stored = file.read(size)
        if len(stored) < size:
            raise ValueError("image file is truncated")
        yield index, stored


def decompressed(page: "TiffPage", stored: bytes, rows: int, row_size: int) -> bytes:
    """Returns the bytes of a strip or tile of so many rows, each of so many bytes."""
    from PIL import Image

    if page.predictor not in {1, HORIZONTAL}:
        raise ValueError(f"its predictor is {page.predictor}: save it with LZW, Deflate or no compression")
    if page.compression == UNCOMPRESSED:
        return stored
    if page.compression not in DECOMPRESSED:
        name = getattr(page.compression, "name", page.compression)
        raise ValueError(f"its samples are compressed by {name}: save it with LZW, Deflate or no compression")
    # A file of one strip of bytes, which Pillow reads by libtiff.
    tags = {256: row_size, 257: rows, 258: 8, 259: int(page.compression), 262: BLACK_IS_ZERO, 266: int(page.fillorder)}
    tags |= {273: 8, 277: 1, 278: rows, 279: len(stored)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    padded = stored + bytes(len(stored) % 2)
    header = MAGIC[0] + struct.pack("<I", 8 + len(padded))
    file = header + padded + struct.pack("<H", len(tags)) + entries + bytes(4)
    with Image.open(io.BytesIO(file)) as image:
        return image.tobytes()


def unpacked(stored: bytes, page: "TiffPage", rows: int, samples: int) -> np.ndarray:
    """Returns the samples in bytes, uint8 or uint16[rows, samples of a row]; a row begins at a whole byte."""
    bits = page.bitspersample
    if bits in {8, 16}:
        kind = np.dtype(np.uint8 if bits == 8 else page.parent.byteorder + "u2")
        return np.frombuffer(stored, kind, rows * samples).astype(kind.newbyteorder("=")).reshape(rows, samples)
    row_size = -(-samples * bits // 8)
    digits = np.unpackbits(np.frombuffer(stored, np.uint8, rows * row_size).reshape(rows, row_size), axis=1)
    weights = 2 ** np.arange(bits - 1, -1, -1, dtype=np.uint16)
    return (digits[:, : samples * bits].reshape(rows, samples, bits) * weights).sum(-1, dtype=np.uint16)


def unpremultiplied(values: np.ndarray, white: int) -> np.ndarray:
    """Returns values[height, width, channel] with straight alpha, of values with premultiplied alpha."""
    alpha = values[..., -1:].astype(np.float32)
    colors = values[..., :-1] * (white / np.maximum(alpha, 1))
    return np.concatenate([np.rint(np.minimum(colors, white)).astype(values.dtype), values[..., -1:]], -1)


class Tags(NamedTuple):
    """What a page's tags say besides the layout of its samples.

    Attributes:
      orientation: as in EXIF.
      dpi: dots per inch, across and down, or None.
      profile: ICC color profile, or None.
      xmp: XMP packet, or None.
      texts: by number of the tag, see `DESCRIPTIVE`.
    """

    orientation: int
    dpi: tuple[float, float] | None
    profile: bytes | None
    xmp: bytes | None
    texts: dict[int, str]


def read_tags(page: "TiffPage") -> Tags:
    """Returns what a page's tags say; a tag that makes no sense counts as absent."""
    value = page.tags.valueof
    unit = {INCH: 1.0, CENTIMETER: CENTIMETERS_PER_INCH}.get(value(296, INCH))
    across, down = (value(tag) for tag in (282, 283))
    dpi = None
    if unit and all(isinstance(one, tuple) and len(one) == 2 and one[0] > 0 and one[1] > 0 for one in (across, down)):
        dpi = unit * across[0] / across[1], unit * down[0] / down[1]
    blobs = (value(tag) for tag in (ICC_PROFILE, XMP))
    profile, xmp = (bytes(blob) if isinstance(blob, bytes | tuple) else None for blob in blobs)
    texts = {tag: value(tag) for tag in DESCRIPTIVE if isinstance(value(tag), str)}
    if texts.get(270, "").startswith(LAYOUT):
        del texts[270]
    return Tags(int(value(274, 1)), dpi, profile, xmp, texts)


def write(values: np.ndarray, tags: Tags, max_sample: int = 0) -> bytes:
    """Returns a TIFF file.

    Args:
      values: uint8 or uint16[height, width, 1 to 4], alpha last.
      tags: its orientation is not written.
      max_sample: the value of white, where it is not the largest of the type; otherwise 0.
    """
    import tifffile

    file, channels = io.BytesIO(), values.shape[-1]
    extra = [(tag, 2, 0, text.encode(), True) for tag, text in tags.texts.items()]
    extra += [(XMP, 1, len(tags.xmp), tags.xmp, True)] if tags.xmp else []
    extra += [(MAX_SAMPLE_VALUE, 3, channels, (max_sample,) * channels, True)] if max_sample else []
    tifffile.imwrite(
        file,
        values if channels > 1 else values[..., 0],
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in {2, 4} else None,
        iccprofile=tags.profile,
        compression="zlib",
        metadata=None,
        software=False,
        resolution=tags.dpi,
        resolutionunit="INCH" if tags.dpi else None,
        extratags=extra,
    )
    return file.getvalue()
