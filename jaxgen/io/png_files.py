"""PNG files: colors of 16 bits, of which Pillow keeps the upper 8, and chunks of metadata.

Reference: W3C, Portable Network Graphics (third edition), 2025, sections 5 and 11.
"""

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEPTH_OFFSET = 24
"""Byte of a file that holds the bits of a sample."""
COLOR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
"""Chunks that say which light the samples stand for, besides the color profile."""
METERS_PER_INCH = 0.0254
XMP_KEYWORD = "XML:com.adobe.xmp"
EXIF_KEYWORDS = ("Raw profile type exif", "Raw profile type APP1")
"""Texts that hold EXIF data, which are written as such."""
MAX_TEXT_SIZE = 2**24
"""Bytes of a text that is decompressed."""


def is_deep(file: bytes) -> bool:
    """Returns whether a file's samples have 16 bits."""
    return file[DEPTH_OFFSET] == 16


def read_samples(file: bytes) -> np.ndarray:
    """Returns uint16[height, width, channel], 1 to 4 channels with alpha last, of a PNG file of 16 bits.

    The samples are those of the file: sBIT says how many of their bits were measured, and does not scale them.
    """
    import png

    reader = png.Reader(bytes=file)
    width, height, rows, info = reader.read()
    values = np.empty((height, width * info["planes"]), np.uint16)
    for index, row in enumerate(rows):
        values[index] = row
    values = values.reshape(height, width, info["planes"])
    if reader.transparent is None:
        return values
    opaque = (values != np.array(reader.transparent, np.uint16)).any(-1, keepdims=True)
    return np.concatenate([values, opaque * np.uint16(65535)], -1)


def write_samples(values: np.ndarray) -> bytes:
    """Returns a PNG file of uint16[height, width, channel], 1 to 4 channels with alpha last."""
    import png

    height, width, channels = values.shape
    file = io.BytesIO()
    writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in {2, 4}, bitdepth=16)
    writer.write_packed(file, (row.astype(">u2").tobytes() for row in values))
    return file.getvalue()


def read_chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the type and the content of each chunk, as far as the file goes."""
    start = len(SIGNATURE)
    while start + 8 <= len(file):
        size = int.from_bytes(file[start : start + 4])
        yield file[start + 4 : start + 8], file[start + 8 : start + 8 + size]
        start += 12 + size


def insert_chunks(file: bytes, chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Returns a file with further chunks behind its first one, the header."""
    end = len(SIGNATURE) + 12 + int.from_bytes(file[len(SIGNATURE) : len(SIGNATURE) + 4])
    return b"".join([file[:end], *(chunk(*one) for one in chunks), file[end:]])


def chunk(kind: bytes, content: bytes) -> bytes:
    """Returns a chunk with its length and its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def metadata_chunks(
    profile: bytes | None, exif: bytes | None, dpi: tuple[float, float] | None
) -> list[tuple[bytes, bytes]]:
    """Returns the chunks of an ICC profile, of EXIF data from their TIFF header on, and of dots per inch."""
    chunks = [(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))] if profile else []
    if dpi is not None:
        chunks += [(b"pHYs", struct.pack(">IIB", *(round(dots / METERS_PER_INCH) for dots in dpi), 1))]
    return chunks + ([(b"eXIf", exif)] if exif else [])


def read_text(kind: bytes, content: bytes) -> tuple[str, str] | None:
    """Returns the keyword and the text of a chunk tEXt, zTXt or iTXt; None for another, or one that is damaged."""
    keyword, _, rest = content.partition(b"\0")
    with contextlib.suppress(ValueError, zlib.error, IndexError):
        if kind == b"tEXt":
            return keyword.decode("latin-1"), rest.decode("latin-1")
        if kind == b"zTXt":
            return keyword.decode("latin-1"), decompressed(rest[1:]).decode("latin-1")
        if kind == b"iTXt":
            is_compressed, text = rest[0], rest[2:].split(b"\0", 2)[2]
            return keyword.decode("latin-1"), (decompressed(text) if is_compressed else text).decode()
    return None


def decompressed(content: bytes) -> bytes:
    """Returns bytes that were compressed, or raises ValueError where they are too many."""
    reader = zlib.decompressobj()
    text = reader.decompress(content, MAX_TEXT_SIZE)
    if reader.unconsumed_tail:
        raise ValueError(f"a text of more than {MAX_TEXT_SIZE} bytes")
    return text


def text_chunk(keyword: str, text: str) -> tuple[bytes, bytes]:
    """Returns the chunk of a text: tEXt where Latin-1 has its characters, otherwise iTXt."""
    try:
        return b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", keyword.encode("latin-1") + bytes(5) + text.encode()
