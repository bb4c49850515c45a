"""The formats in which photographs are written, and what they hold."""

SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "PPM": (".ppm", ".pgm"),
}
"""Formats that are written as they were read, with their suffixes; others are written as PNG."""
QUALITY = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}
MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
"""Pixels of the longer side that a format holds, where it is limited below 2³¹."""
MAX_PIXELS = 100_000_000
"""Pixels of an enlarged image up to which its whole file is made in memory, by 0.7 GB."""
OPAQUE = ("JPEG", "PPM")
"""Formats without alpha."""
MAX_SEGMENT = 65_500
"""Bytes of EXIF data, of an XMP packet or of a comment that a JPEG file holds."""


def holds_sixteen_bits(kind: str, channels: int) -> bool:
    """Returns whether a format is written with 16 bits for each of 1 to 4 channels."""
    return kind in {"PNG", "TIFF"} or (kind == "PPM" and channels == 1)


def misfit(kind: str, height: int, width: int, *, has_alpha: bool, scale: int = 1) -> str:
    """Returns why a format cannot hold an image; empty where it can.

    Args:
      kind: Pillow's name of the format, one of `SUFFIXES`, or of another one that is only read.
      height: of the image, in pixels.
      width: of the image, in pixels.
      has_alpha: whether the image has an alpha channel.
      scale: by which it was enlarged; a large enlarged image is written band by band, as only a PNG file is.
    """
    if kind == "GIF":
        return "GIF holds 256 colors"
    if kind not in SUFFIXES:
        return f"{kind} is read and not written"
    if max(height, width) > MAX_SIDE.get(kind, 2**31):
        return f"{kind} holds {MAX_SIDE[kind]:,} pixels a side at most, and {width:,}×{height:,} are needed"
    if scale > 1 and kind != "PNG" and height * width > MAX_PIXELS:
        return f"{height * width / 1e6:.0f} megapixels are too many to be written as {kind} in little memory"
    return f"{kind} holds no transparency" if has_alpha and kind in OPAQUE else ""
