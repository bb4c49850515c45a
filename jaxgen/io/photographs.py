"""Reads and writes photographs with their bit depth, transparency, color profile, EXIF data and other metadata."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io import formats, metadata, png_files, provenance, tiff_files
from jaxgen.io.formats import QUALITY, SUFFIXES
from jaxgen.io.images import add_heif_reader, unreadable
from jaxgen.io.metadata import EXIF_HEADER
from jaxgen.io.samples import MAX_VALUE, oriented, split_alpha, unit_range, values_of
from jaxgen.io.text import write_image_file

MEGAPIXELS = 100.0
"""Default size limit of files that are read."""
MAX_DPI = 65535
"""Largest value that fits in a JPEG file."""
BAND = 256
"""Rows that are rounded at once."""
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
      xmp: XMP packet, or None.
      texts: comments, titles and the like: pairs of a keyword, as in PNG files, and a text.
      color_chunks: of a PNG file, see `png_files.COLOR_CHUNKS`.
      max_sample: value of white in a TIFF file where it is not the largest of 16 bits; otherwise 0.
      read_kind: name of the format in which it was read, where that one is not written; otherwise empty.
      notes: what of the file is not kept, short phrases.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    kind: str = "PNG"
    bits: int = 8
    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    color_chunks: tuple[tuple[bytes, bytes], ...] = ()
    max_sample: int = 0
    read_kind: str = ""
    notes: tuple[str, ...] = ()


def read(path: str | os.PathLike, megapixels: float = MEGAPIXELS) -> Photograph:
    """Returns the photograph in a file.

    Args:
      path: of an image in any format that Pillow reads, whatever its suffix, or a TIFF file of 9 to 16 bits a channel.
      megapixels: size limit.
    Raises:
      UsageError: if the file is missing, empty, damaged, no image, several images or above the size limit.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if tiff_files.is_tiff(file):
                return read_tiff(path, file, megapixels)
            with open_image(file) as image:
                frames = getattr(image, "n_frames", 1)
                check_size(path, image.size, frames if image.format != "MPO" else 1, megapixels)  # MPO: see `decode`.
                return decode(path, image)
    except UsageError:
        raise
    except Exception as error:  # Pillow's readers raise many types for damaged files.
        raise unreadable(path, error) from error


@contextlib.contextmanager
def open_image(file: io.BufferedReader) -> Iterator[Any]:
    """Yields the Pillow image of an open file, of which only the header was read."""
    from PIL import Image

    add_heif_reader()
    # `check_size` raises an error in place of Pillow's warning.
    previous, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(file) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = previous


def check_size(path: Path, size: tuple[int, int], images: int, megapixels: float) -> None:
    """Raises UsageError for a file of several images, or one above the size limit."""
    if images > 1:
        raise UsageError(f"{path}: it holds {images} images; give a file for each")
    millions = size[0] * size[1] / 1e6
    if millions > megapixels:
        raise UsageError(f"{path}: {millions:.1f} megapixels, and {megapixels:g} are allowed: raise --max-megapixels")


def read_tiff(path: Path, file: io.BufferedReader, megapixels: float) -> Photograph:
    """Returns the photograph in an open TIFF file; previews beside it do not count."""
    from tifffile import TiffFile

    with TiffFile(path) as tiff:
        found = tiff_files.pictures(tiff)
        page, frame = found[0]
        check_size(path, (page.imagewidth, page.imagelength), len(found), megapixels)
        tags = tiff_files.read_tags(page)
        bits, max_sample, profile, notes = 8, 0, tags.profile, ()
        if found[0].is_deep:
            values, white = tiff_files.read_samples(page)
            bits = 8 if white == 255 else 16
            if page.bitspersample == 16 and white < MAX_VALUE:
                max_sample, notes = white, (f"its white is {white} of {MAX_VALUE}",)
            pixels, alpha = split_alpha(oriented(unit_range(values, white), tags.orientation))
        else:
            with open_image(file) as image:
                image.seek(frame)
                image.load()  # Pillow orients TIFF files itself.
                profile, notes = profile_of_rgb(image, profile)
                pixels, alpha = values_of(image)
    dpi = limited(tags.dpi, is_turned=tags.orientation >= 5)
    whole = Photograph(pixels, alpha, "TIFF", bits, profile, metadata.exif_of_texts(tags.texts), dpi, tags.xmp)
    return sized(whole._replace(max_sample=max_sample, notes=notes))


def decode(path: Path, image) -> Photograph:
    """Returns the photograph of an opened Pillow image, of an MPO file (a camera's further views) the first one."""
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    if image.format == "PPM" and image.mode == "RGB" and is_deep_ppm(path):
        raise ValueError("it has 16 bits for each color, of which this format's reader keeps 8: save it as PNG")
    content = path.read_bytes() if kind == "PNG" else b""
    chunks = dict(png_files.read_chunks(content))
    if kind == "PNG" and png_files.is_deep(content) and (image.mode in {"RGB", "RGBA", "LA"} or b"tRNS" in chunks):
        values = unit_range(png_files.read_samples(content), MAX_VALUE)
    else:
        image.load()
        values = None
    has_exif = kind != "PNG" or b"eXIf" in chunks or not image.info.keys().isdisjoint(png_files.EXIF_KEYWORDS)
    exif = metadata.Exif()
    if has_exif:
        load = (lambda: metadata.parsed(chunks[b"eXIf"])) if b"eXIf" in chunks else image.getexif
        exif = metadata.read_exif(load, image.info.get("exif", b""))
    pixels, alpha = split_alpha(values) if values is not None else values_of(image)
    pixels = oriented(pixels, exif.orientation)
    alpha = None if alpha is None else oriented(alpha, exif.orientation)
    profile, notes = profile_of_rgb(image, image.info.get("icc_profile"))
    is_turned = exif.orientation >= 5
    photograph = Photograph(
        pixels,
        alpha,
        kind if kind in SUFFIXES else "PNG",
        16 if values is not None or image.mode.startswith("I") else 8,
        profile,
        exif.content,
        limited(dots_per_inch(image, exif), is_turned=is_turned),
        *read_texts(image, content),
        tuple((name, chunks[name]) for name in png_files.COLOR_CHUNKS if name in chunks),
        read_kind="" if kind in SUFFIXES else kind,
        notes=notes + ((exif.note,) if exif.note else ()),
    )
    return sized(photograph, is_turned=is_turned)


def is_deep_ppm(path: Path) -> bool:
    """Returns whether a PPM file's largest value needs more than 8 bits."""
    with path.open("rb") as file:
        words = re.sub(rb"#[^\n]*", b"", file.read(PPM_HEADER_SIZE)).split(maxsplit=4)
    return int(words[3]) > 255


def profile_of_rgb(image, profile: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """Returns the color profile of an image as it is written, and notes: one of other colors than RGB is left out."""
    if image.mode in {"CMYK", "LAB"}:
        return None, (f"{image.mode} converted to RGB",)
    return profile, ()


def read_texts(image, content: bytes) -> tuple[bytes | None, tuple[tuple[str, str], ...]]:
    """Returns the XMP packet and the texts of an image.

    Args:
      image: of Pillow.
      content: of the file where it is a PNG file; otherwise empty.
    """
    if not content:
        texts = tuple(("Comment", comment) for comment in metadata.jpeg_comments(image))
        xmp = image.info.get("xmp")
        return (xmp if isinstance(xmp, bytes) else None), texts
    found = (png_files.read_text(*chunk) for chunk in png_files.read_chunks(content))
    texts = tuple(text for text in found if text and text[0] not in png_files.EXIF_KEYWORDS)
    packets = [text.encode() for keyword, text in texts if keyword == png_files.XMP_KEYWORD]
    return packets[0] if packets else None, tuple(text for text in texts if text[0] != png_files.XMP_KEYWORD)


def dots_per_inch(image, exif: metadata.Exif) -> tuple[float, float] | None:
    """Returns the dots per inch that an image's file states, or None; for JPEG files without any Pillow says 72."""
    is_stated = image.format not in {"JPEG", "MPO"} or image.info.get("jfif_unit") in {1, 2} or exif.has_resolution
    across, down = map(float, image.info.get("dpi", (0, 0)))
    return (across, down) if is_stated else None


def limited(dpi: tuple[float, float] | None, *, is_turned: bool = False) -> tuple[float, float] | None:
    """Returns dots per inch, exchanged where a photograph was turned, or None where they make no sense."""
    across, down = (dpi or (0, 0))[:: -1 if is_turned else 1]
    return (across, down) if 1 < across <= MAX_DPI and 1 < down <= MAX_DPI else None


def sized(photograph: Photograph, scale: int = 1, *, is_turned: bool = False) -> Photograph:
    """Returns a photograph whose metadata are those of its pixels.

    An enlarged photograph has the same size on paper: its dots per inch are multiplied by the scale.

    Args:
      photograph: with pixels that are larger than its metadata say, or turned.
      scale: by how much they are larger.
      is_turned: whether the width and the height in its EXIF data are exchanged.
    """
    height, width = photograph.pixels.shape[:2]
    exif, xmp, dpi = photograph.exif, photograph.xmp, photograph.dpi
    if exif is not None:
        exif = metadata.exif_of_size(exif, width, height, scale, is_turned=is_turned)
    if xmp is not None:
        xmp = metadata.xmp_of_size(xmp, width, height)
    return photograph._replace(exif=exif, xmp=xmp, dpi=limited(dpi and (scale * dpi[0], scale * dpi[1])))


def with_pixels(photograph: Photograph, pixels: np.ndarray, alpha: np.ndarray | None) -> Photograph:
    """Returns a photograph with other pixels and alpha, and its metadata for their size; see `sized`.

    Args:
      photograph: the original.
      pixels: float32[scale · height, scale · width, channel].
      alpha: float32[scale · height, scale · width, 1] or None.
    """
    scale = pixels.shape[0] // photograph.pixels.shape[0]
    changed = photograph._replace(pixels=pixels, alpha=alpha)
    return changed if scale == 1 else sized(changed, scale)


def write(path: str | os.PathLike, photograph: Photograph, note: dict[str, Any] | None = None) -> None:
    """Writes a photograph in its format, atomically.

    Args:
      path: of the file; a missing folder is created.
      photograph: pixels and alpha outside of [0, 1] are clipped.
      note: what it was made from, see `provenance`; None: the file has none.
    Raises:
      UsageError: if it cannot be written.
    """
    write_values(Path(path), photograph, rounded(photograph, *depth_of(photograph)), note)


def write_values(path: Path, photograph: Photograph, values: np.ndarray, note: dict[str, Any] | None = None) -> None:
    """Writes a photograph with given samples; see `write` and `encode_values`."""
    try:
        file = encode_values(photograph, values)
    except (OSError, ValueError) as error:  # Too large for the format, or too much EXIF data.
        raise UsageError(f"cannot write {path} as {photograph.kind}: {error}") from error
    write_image_file(path, file if note is None else provenance.attach(file, note))


def channels_of(photograph: Photograph) -> int:
    """Returns the number of channels with alpha, 1 to 4."""
    return photograph.pixels.shape[-1] + (photograph.alpha is not None)


def joined(photograph: Photograph) -> np.ndarray:
    """Returns the pixels and, where there is one, alpha as float32[height, width, 1 to 4], clipped to [0, 1]."""
    pixels, alpha = photograph.pixels, photograph.alpha
    return np.clip(pixels if alpha is None else np.concatenate([pixels, alpha], -1), 0, 1)


def rounded(photograph: Photograph, bits: int, white: int = 0) -> np.ndarray:
    """Returns the pixels and alpha as integers of 8 or 16 bits, [height, width, 1 to 4].

    Args:
      photograph: its pixels and its alpha are used.
      bits: 8 or 16.
      white: value of 1 in [0, 1]; 0: the largest of the bits.
    """
    height, width = photograph.pixels.shape[:2]
    values = np.empty((height, width, channels_of(photograph)), np.uint16 if bits == 16 else np.uint8)
    # A band at a time: a photograph of 24 megapixels has 0.3 GB.
    for top in range(0, height, BAND):
        rows = slice(top, top + BAND)
        alpha = None if photograph.alpha is None else photograph.alpha[rows]
        band = joined(photograph._replace(pixels=photograph.pixels[rows], alpha=alpha))
        values[rows] = np.rint(band * (white or 2**bits - 1))
    return values


def fitted(photograph: Photograph, scale: int = 1) -> Photograph:
    """Returns a photograph whose format holds its restored version, with notes of what has to change.

    A format that does not is replaced by PNG, which holds 8 and 16 bits, alpha and any size.

    Args:
      photograph: the original.
      scale: size of the restored version as a multiple of the original's.
    """
    kind, notes = photograph.kind, list(photograph.notes)
    height, width = (scale * side for side in photograph.pixels.shape[:2])
    has_alpha = photograph.alpha is not None
    if reason := formats.misfit(photograph.read_kind or kind, height, width, has_alpha=has_alpha, scale=scale):
        kind = "PNG"
        notes.append(f"written as PNG: {reason}")
    if photograph.bits == 16 and not formats.holds_sixteen_bits(kind, channels_of(photograph)):
        notes.append(f"8 bits a channel: {kind} holds no more")
    kept = photograph._replace(kind=kind)
    for name in ("exif", "xmp"):
        content = getattr(photograph, name)
        if kind == "JPEG" and content is not None and len(content) > formats.MAX_SEGMENT:
            kept = kept._replace(**{name: None})
            notes.append(f"{name.upper()} left out: JPEG holds {formats.MAX_SEGMENT:,} bytes of it")
    return kept._replace(notes=tuple(notes))


def depth_of(photograph: Photograph) -> tuple[int, int]:
    """Returns the bits of the samples in a photograph's file, and the value of white, 0: the largest of the bits."""
    is_deep = photograph.bits == 16 and formats.holds_sixteen_bits(photograph.kind, channels_of(photograph))
    return 16 if is_deep else 8, photograph.max_sample if photograph.kind == "TIFF" else 0


def encode(photograph: Photograph) -> bytes:
    """Returns the content of a photograph's file; formats of 8 bits get 8."""
    return encode_values(photograph, rounded(photograph, *depth_of(photograph)))


def encode_values(photograph: Photograph, values: np.ndarray) -> bytes:
    """Returns the content of a photograph's file with given samples.

    Args:
      photograph: its format and its metadata are used.
      values: uint8 or uint16[height, width, 1 to 4], see `depth_of`.
    """
    from PIL import Image

    kind, channels = photograph.kind, channels_of(photograph)
    is_deep = values.dtype == np.uint16
    if kind == "TIFF":
        texts = metadata.texts_by_tag(photograph.exif, photograph.texts, tiff_files.DESCRIPTIVE)
        tags = tiff_files.Tags(1, photograph.dpi, photograph.profile, photograph.xmp, texts)
        return tiff_files.write(values, tags, photograph.max_sample)
    if kind == "PNG" and is_deep and channels > 1:
        return png_files.insert_chunks(png_files.write_samples(values), chunks_of(photograph))
    file = io.BytesIO()
    extra = {} if kind == "PNG" else options_of(photograph)
    Image.fromarray(values[..., 0] if channels == 1 else values).save(file, kind, **extra)
    return png_files.insert_chunks(file.getvalue(), chunks_of(photograph)) if kind == "PNG" else file.getvalue()


def chunks_of(photograph: Photograph) -> list[tuple[bytes, bytes]]:
    """Returns the chunks of a PNG file that hold a photograph's metadata."""
    xmp = ((png_files.XMP_KEYWORD, photograph.xmp.decode("utf-8", "replace")),) if photograph.xmp else ()
    return [
        *photograph.color_chunks,
        *png_files.metadata_chunks(photograph.profile, photograph.exif, photograph.dpi),
        *(png_files.text_chunk(keyword, metadata.without_surrogates(text)) for keyword, text in photograph.texts),
        *(png_files.text_chunk(keyword, text) for keyword, text in xmp),
    ]


def options_of(photograph: Photograph) -> dict[str, Any]:
    """Returns Pillow's options of a file other than PNG and TIFF, with the metadata that its format holds."""
    kind, exif, xmp = photograph.kind, photograph.exif, photograph.xmp
    options: dict[str, Any] = dict(QUALITY.get(kind, {}))
    options |= {"icc_profile": photograph.profile} if photograph.profile else {}
    options |= {"dpi": photograph.dpi} if photograph.dpi else {}
    if kind in {"JPEG", "WEBP"}:
        options |= {"exif": EXIF_HEADER + exif} if exif else {}
        options |= {"xmp": xmp} if xmp else {}
    if kind == "JPEG" and photograph.texts:
        options["comment"] = metadata.encoded(photograph.texts)[: formats.MAX_SEGMENT]
    return options
