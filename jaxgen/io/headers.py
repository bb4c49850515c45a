"""Reads what a photograph's header says, so that its result is planned before the work."""

from pathlib import Path
from typing import NamedTuple

from jaxgen.io import formats, photographs, tiff_files
from jaxgen.io.images import unreadable


class Header(NamedTuple):
    """The size and the format of a photograph as it is stored, which may be turned.

    Attributes:
      kind: Pillow's name of the format in which it was read.
      height: in pixels.
      width: in pixels.
    """

    kind: str
    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    def result_kind(self, scale: int = 1) -> str:
        """Returns the format in which the restored photograph is written, as `photographs.fitted` chooses it."""
        size = scale * self.height, scale * self.width
        return "PNG" if formats.misfit(self.kind, *size, has_alpha=False, scale=scale) else self.kind


def read(path: Path) -> Header:
    """Returns the header of a photograph.

    Raises:
      UsageError: if the file is missing, empty or no image.
    """
    try:
        with path.open("rb") as file:
            if tiff_files.is_tiff(file):
                from tifffile import TiffFile

                with TiffFile(path) as tiff:
                    page = tiff_files.pictures(tiff)[0].page
                    return Header("TIFF", page.imagelength, page.imagewidth)
            with photographs.open_image(file) as image:
                kind = "JPEG" if image.format == "MPO" else str(image.format)
                return Header(kind, image.height, image.width)
    except Exception as error:  # Pillow's readers raise many types for damaged files.
        raise unreadable(path, error) from error
