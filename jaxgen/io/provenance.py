"""A note inside an image file of what it was made from, where viewers do not look: it stays when the file is moved.

It is a private chunk of PNG and WebP, an application segment of JPEG, a private tag of TIFF, a comment of PGM and PPM,
and a gap that BMP's header allows. Programs that save a changed image leave it out.
Reference: PNG specification, third edition, 5.4 (chunk naming); JPEG T.81, B.2.4.6; TIFF 6.0, section 2 and private
tags; RIFF container of WebP, "unknown chunks".
"""

import io
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from jaxgen.io.png_files import SIGNATURE, chunk
from jaxgen.io.text import parse_json

# Ancillary, private, and not to be copied when the pixels change.
PNG_CHUNK = b"jxRC"
WEBP_CHUNK = b"JXRC"
LABEL = b"jaxgen\0"
COMMENT = b"# jaxgen "
JPEG_SEGMENT = 0xEF
JPEG_LEADING = frozenset({*range(0xE0, 0xF0), 0xFE})
"""Markers of the segments that may stand before the image: application data and comments."""
TIFF_TAG = 65042
TIFF_UNDEFINED = 7
TIFF_ENTRY = 12
PNM_COMMENT_MAX = 4096
BMP_HEADERS_MAX = 1 << 16


class Storage(NamedTuple):
    """How a format holds a note.

    Attributes:
      attach: (content, note) -> content with the note.
      find: an open file -> the note, or None.
    """

    attach: Callable[[bytes, bytes], bytes]
    find: Callable[[BinaryIO], bytes | None]


def attach(content: bytes, note: dict[str, Any]) -> bytes:
    """Returns the content of an image file with a note, or as it was where its format holds none.

    Args:
      content: of a PNG, JPEG, TIFF, WebP, BMP, PGM or PPM file.
      note: values that JSON can represent.
    """
    found = storage_of(content[:12])
    return found.attach(content, json.dumps(note, separators=(",", ":")).encode("ascii")) if found else content


def read(path: Path) -> dict[str, Any] | None:
    """Returns the note in an image file, or None where there is none or the file cannot be read."""
    try:
        with path.open("rb") as file:
            found = storage_of(file.read(12))
            file.seek(0)
            note = found.find(file) if found else None
            value = None if note is None else parse_json(note)
    except (OSError, ValueError, struct.error):  # Damaged or of another program.
        return None
    return value if isinstance(value, dict) else None


def storage_of(start: bytes) -> Storage | None:
    """Returns how the format of a file holds a note, by the file's first 12 bytes; None: it holds none."""
    if start.startswith(SIGNATURE):
        return Storage(attach_png, find_png)
    if start.startswith(b"\xff\xd8"):
        return Storage(attach_jpeg, find_jpeg)
    if start[:4] in {b"II*\0", b"MM\0*"}:
        return Storage(attach_tiff, find_tiff)
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return Storage(attach_webp, find_webp)
    if start[:2] == b"BM":
        return Storage(attach_bmp, find_bmp)
    return Storage(attach_pnm, find_pnm) if start[:2] in {b"P5", b"P6"} else None


def attach_png(content: bytes, note: bytes) -> bytes:
    """Puts a chunk behind the header."""
    end = len(SIGNATURE) + 25
    return content[:end] + chunk(PNG_CHUNK, note) + content[end:]


def find_png(file: BinaryIO) -> bytes | None:
    """Returns the data of the chunk, which stands before the pixels."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8 and head[4:] not in {b"IDAT", b"IEND"}:
        length = int.from_bytes(head[:4], "big")
        if head[4:] == PNG_CHUNK:
            return file.read(length)
        file.seek(length + 4, 1)
    return None


def jpeg_segments(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yields (marker, position, length with its own two bytes) of the segments before the image."""
    position = 2
    while True:
        file.seek(position)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] not in JPEG_LEADING:
            return
        length = int.from_bytes(head[2:], "big")
        yield head[1], position, length
        position += 2 + length


def attach_jpeg(content: bytes, note: bytes) -> bytes:
    """Puts a segment behind the other application segments: JFIF's and EXIF's are the first ones."""
    end = max((position + 2 + length for _, position, length in jpeg_segments(io.BytesIO(content))), default=2)
    segment = bytes([0xFF, JPEG_SEGMENT]) + struct.pack(">H", 2 + len(LABEL + note)) + LABEL + note
    return content[:end] + segment + content[end:]


def find_jpeg(file: BinaryIO) -> bytes | None:
    """Returns the data of the segment."""
    for marker, position, length in jpeg_segments(file):
        if marker == JPEG_SEGMENT:
            file.seek(position + 4)
            if (data := file.read(length - 2)).startswith(LABEL):
                return data.removeprefix(LABEL)
    return None


def tiff_entries(file: BinaryIO) -> tuple[str, list[bytes], bytes]:
    """Returns (byte order of `struct`, the entries of the first directory, the position of the next one)."""
    file.seek(0)
    start = file.read(8)
    order = "<" if start[:2] == b"II" else ">"
    file.seek(struct.unpack(f"{order}I", start[4:])[0])
    (count,) = struct.unpack(f"{order}H", file.read(2))
    entries = [file.read(TIFF_ENTRY) for _ in range(count)]
    return order, entries, file.read(4)


def attach_tiff(content: bytes, note: bytes) -> bytes:
    """Puts a copy of the first directory, with one more entry, at the end."""
    order, entries, following = tiff_entries(io.BytesIO(content))
    content += b"\0" * (len(content) % 2)
    entry = struct.pack(f"{order}HHII", TIFF_TAG, TIFF_UNDEFINED, len(note), len(content))
    entries = sorted([*entries, entry], key=lambda one: struct.unpack(f"{order}H", one[:2]))
    content += note + b"\0" * (len(note) % 2)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + following
    return content[:4] + struct.pack(f"{order}I", len(content)) + content[8:] + directory


def find_tiff(file: BinaryIO) -> bytes | None:
    """Returns the value of the tag."""
    order, entries, _ = tiff_entries(file)
    for entry in entries:
        tag, _, length, position = struct.unpack(f"{order}HHII", entry)
        if tag == TIFF_TAG:
            file.seek(position)
            return file.read(length)
    return None


def attach_webp(content: bytes, note: bytes) -> bytes:
    """Puts a chunk at the end, where readers skip those that they do not know."""
    content += WEBP_CHUNK + struct.pack("<I", len(note)) + note + b"\0" * (len(note) % 2)
    return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]


def find_webp(file: BinaryIO) -> bytes | None:
    """Returns the data of the chunk."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[4:], "little")
        if head[:4] == WEBP_CHUNK:
            return file.read(length)
        file.seek(length + length % 2, 1)
    return None


def attach_bmp(content: bytes, note: bytes) -> bytes:
    """Puts the note between the headers and the pixels, whose position the header gives."""
    begin = int.from_bytes(content[10:14], "little")
    gap = LABEL + struct.pack("<I", len(note)) + note
    gap += b"\0" * (-len(gap) % 4)
    sizes = struct.pack("<I", len(content) + len(gap)), struct.pack("<I", begin + len(gap))
    return content[:2] + sizes[0] + content[6:10] + sizes[1] + content[14:begin] + gap + content[begin:]


def find_bmp(file: BinaryIO) -> bytes | None:
    """Returns the note before the pixels."""
    head = file.read(14)
    before = file.read(min(int.from_bytes(head[10:14], "little"), BMP_HEADERS_MAX) - len(head))
    if (position := before.find(LABEL)) < 0:
        return None
    position += len(LABEL)
    (length,) = struct.unpack_from("<I", before, position)
    return before[position + 4 : position + 4 + length]


def attach_pnm(content: bytes, note: bytes) -> bytes:
    """Puts a comment into the second line."""
    first, rest = content.split(b"\n", 1)
    return first + b"\n" + COMMENT + note + b"\n" + rest


def find_pnm(file: BinaryIO) -> bytes | None:
    """Returns the comment in the second line."""
    file.readline(PNM_COMMENT_MAX)
    line = file.readline(PNM_COMMENT_MAX)
    return line.removeprefix(COMMENT).rstrip() if line.startswith(COMMENT) else None
