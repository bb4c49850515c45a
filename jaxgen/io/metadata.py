"""EXIF data, XMP packets and texts of photographs.

Reference: CIPA, Exif 3.0, 2023, section 4.6; Adobe, XMP specification part 2, 2022, sections 3.2 and 3.3.
"""

import contextlib
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxgen.io.images import ORIENTATION

EXIF_HEADER = b"Exif\0\0"
EXIF_DROPPED = "its EXIF data cannot be read and are left out"
# Tags of EXIF data.
EXIF_PART, GPS_PART = 0x8769, 0x8825
WIDTHS, HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
RESOLUTIONS = ((0x011A, 0x011B), (0xA20E, 0xA20F))
"""Pixels per unit, across and down: on paper and on the sensor."""
COORDINATES = (0x9214, 0xA214)
"""SubjectArea and SubjectLocation, in pixels."""
TEXT_TAGS = {
    "Description": 270,
    "Title": 270,
    "Comment": 270,
    "Software": 305,
    "Author": 315,
    "Copyright": 33432,
}
"""PNG's keywords of texts, and the tag of a TIFF file that holds such a text."""


class Exif(NamedTuple):
    """What a file's EXIF data say.

    Attributes:
      content: the data from their TIFF header on, without the orientation, or None.
      orientation: 1 to 8.
      has_resolution: whether dots per inch are among them.
      note: that they are left out; otherwise empty.
    """

    content: bytes | None = None
    orientation: int = 1
    has_resolution: bool = False
    note: str = ""


def read_exif(load: Callable[[], Any], stored: bytes = b"") -> Exif:
    """Returns EXIF data without their orientation; those that cannot be read are left out.

    Args:
      load: returns Pillow's EXIF data of a file.
      stored: those data as they are stored, of which nothing may be readable.
    """
    orientation = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # About tags that are read all the same.
        try:
            source = load()
            stated = source.get(ORIENTATION, 1)
            orientation = int(stated) if stated in range(1, 9) else 1
            note = EXIF_DROPPED if not len(source) and stored.removeprefix(EXIF_HEADER) else ""
            return Exif(without_orientation(source), orientation, RESOLUTIONS[0][0] in source, note)
        except Exception:  # Pillow raises many types for damaged tags.
            return Exif(None, orientation, note=EXIF_DROPPED)


def without_orientation(source: Any) -> bytes | None:
    """Returns EXIF data of Pillow from their TIFF header on, without the orientation, or None where none are left."""
    exif = parsed(serialized(source))
    exif.pop(ORIENTATION, None)
    return serialized(exif) if len(exif) else None


def serialized(exif: Any) -> bytes:
    """Returns EXIF data of Pillow from their TIFF header on.

    Pillow takes texts for Latin-1, and writes ASCII alone: other texts are given as the bytes that they were.
    """
    for tags in (exif, *(exif.get_ifd(part) for part in (EXIF_PART, GPS_PART) if part in exif)):
        for tag, value in list(tags.items()):
            if isinstance(value, str) and not value.isascii():
                tags[tag] = value.encode("latin-1")
    return exif.tobytes().removeprefix(EXIF_HEADER)


def parsed(content: bytes) -> Any:
    """Returns EXIF data as Pillow's object."""
    from PIL import Image

    exif = Image.Exif()
    exif.load(content)
    return exif


def exif_of_texts(texts: Mapping[int, str]) -> bytes | None:
    """Returns EXIF data that hold texts by their tags, or None where there are none."""
    from PIL import Image

    exif = Image.Exif()
    for tag, text in texts.items():
        exif[tag] = text.encode() if not text.isascii() else text
    return serialized(exif) if texts else None


def texts_by_tag(exif: bytes | None, texts: tuple[tuple[str, str], ...], tags: tuple[int, ...]) -> dict[int, str]:
    """Returns the texts of a TIFF file by their tags: those in EXIF data, otherwise those under PNG's keywords.

    Args:
      exif: EXIF data, or None.
      texts: pairs of keyword and text.
      tags: that are written.
    """
    stated = parsed(exif) if exif else {}
    found = {tag: without_surrogates(stated[tag]) for tag in tags if isinstance(stated.get(tag), str)}
    by_keyword = dict(texts)
    for keyword, tag in TEXT_TAGS.items():
        if keyword in by_keyword and tag not in found:
            found[tag] = without_surrogates(by_keyword[keyword])
    return found


def exif_of_size(exif: bytes, width: int, height: int, scale: int = 1, *, is_turned: bool = False) -> bytes:
    """Returns EXIF data whose sizes in pixels, resolutions and coordinates are those of an enlarged photograph.

    Args:
      exif: from their TIFF header on.
      width: of the enlarged photograph.
      height: of the enlarged photograph.
      scale: its size as a multiple of the former.
      is_turned: whether width and height were exchanged.
    """
    from PIL.TiffImagePlugin import IFDRational

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = parsed(exif)
        for tags in (data, data.get_ifd(EXIF_PART) if EXIF_PART in data else {}):
            sizes = dict.fromkeys(WIDTHS, width) | dict.fromkeys(HEIGHTS, height)
            changed: dict[int, Any] = {tag: size for tag, size in sizes.items() if tag in tags}
            for pair in RESOLUTIONS:
                for tag, other in zip(pair, reversed(pair) if is_turned else pair, strict=True):
                    value: Any = tags.get(other)
                    if tag in tags and hasattr(value, "numerator"):
                        changed[tag] = IFDRational(value.numerator * scale, value.denominator)
            for tag in COORDINATES:
                if isinstance(tags.get(tag), tuple):
                    changed[tag] = tuple(scale * value for value in tags[tag])
            for tag, value in changed.items():
                tags[tag] = value
        return serialized(data)


def xmp_of_size(xmp: bytes, width: int, height: int) -> bytes:
    """Returns an XMP packet whose sizes in pixels are a photograph's, and whose orientation is upright."""
    values = {b"tiff:ImageWidth": width, b"exif:PixelXDimension": width}
    values |= {b"tiff:ImageLength": height, b"exif:PixelYDimension": height, b"tiff:Orientation": 1}
    for name, value in values.items():
        xmp = re.sub(rb"(\b" + name + rb"""(?:\s*=\s*["']|>))\d+""", rb"\g<1>%d" % value, xmp)
    return xmp


def decoded(comment: bytes | str) -> str:
    """Returns a comment of a file as text; bytes that are no UTF-8 become surrogates, which `encoded` undoes."""
    return comment if isinstance(comment, str) else comment.rstrip(b"\0").decode("utf-8", "surrogateescape")


def without_surrogates(text: str) -> str:
    """Returns a text of `decoded`, or one that Pillow took for Latin-1, read as UTF-8, otherwise as Latin-1."""
    try:
        stored = text.encode("latin-1")
    except UnicodeEncodeError:
        stored = text.encode("utf-8", "surrogateescape")
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored.decode("latin-1")


def encoded(texts: tuple[tuple[str, str], ...]) -> bytes:
    """Returns pairs of keyword and text as the comment of a JPEG file: a line for each, comments without keyword."""
    lines = (text if keyword == "Comment" else f"{keyword}: {text}" for keyword, text in texts)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def jpeg_comments(image: Any) -> list[str]:
    """Returns the comments of a Pillow image that was read from a file."""
    segments = [content for kind, content in getattr(image, "applist", []) if kind == "COM"]
    with contextlib.suppress(KeyError):
        segments = segments or [image.info["comment"]]
    return [decoded(comment) for comment in segments]
