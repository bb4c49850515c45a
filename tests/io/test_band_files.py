import numpy as np
import pytest
from PIL import Image, ImageCms

from jaxgen.errors import UsageError
from jaxgen.io import formats, photographs, provenance
from jaxgen.io.band_files import BandFile
from jaxgen.io.photographs import Photograph

GENERATOR = np.random.default_rng(0)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NOTE = {"task": "superres"}


def photograph_of(kind, bits, channels, has_alpha):
    pixels = GENERATOR.random((11, 7, channels), np.float32)
    alpha = GENERATOR.random((11, 7, 1), np.float32) if has_alpha else None
    texts = (("Title", "a harbor"),) if kind == "PNG" else ()
    return Photograph(pixels, alpha, kind, bits, PROFILE, dpi=(300.0, 300.0), texts=texts)


def write_in_bands(path, photograph, pixels, alpha, heights=(9, 1, 12)):
    with BandFile(path, photograph, NOTE, 2) as file:
        top = 0
        for height in heights:
            rows = slice(top, top + height)
            file.write(pixels[rows], None if alpha is None else alpha[rows])
            top += height


@pytest.mark.parametrize("is_large", [False, True], ids=["in memory", "on the disk"])
@pytest.mark.parametrize(
    ("kind", "bits", "channels", "has_alpha"),
    [
        ("PNG", 8, 3, False),
        ("PNG", 8, 1, False),
        ("PNG", 16, 3, True),
        ("PNG", 16, 1, False),
        ("PNG", 8, 3, True),
        ("JPEG", 8, 3, False),
        ("TIFF", 16, 3, False),
        ("PPM", 8, 1, False),
    ],
)
def test_a_file_of_bands_is_the_file_of_the_whole(kind, bits, channels, has_alpha, is_large, tmp_path, monkeypatch):
    if is_large:
        monkeypatch.setattr(formats, "MAX_PIXELS", 100)
    photograph = photographs.fitted(photograph_of(kind, bits, channels, has_alpha), 2)
    assert photograph.kind == ("PNG" if is_large else kind)
    pixels = GENERATOR.random((22, 14, channels), np.float32) * 1.2 - 0.1
    alpha = GENERATOR.random((22, 14, 1), np.float32) if has_alpha else None
    write_in_bands(tmp_path / "bands", photograph, pixels, alpha)
    photographs.write(tmp_path / "whole", photographs.with_pixels(photograph, pixels, alpha), NOTE)
    found, expected = (photographs.read(tmp_path / name) for name in ("bands", "whole"))
    assert found._replace(pixels=None, alpha=None) == expected._replace(pixels=None, alpha=None)
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    if alpha is not None:
        np.testing.assert_array_equal(found.alpha, expected.alpha)
    assert provenance.read(tmp_path / "bands") == NOTE
    assert Image.open(tmp_path / "bands").size == (14, 22)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bands", "whole"]


def test_what_stops_half_way_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "MAX_PIXELS", 100)
    photograph = photograph_of("PNG", 8, 3, has_alpha=False)
    with pytest.raises(MemoryError), BandFile(tmp_path / "a.png", photograph, NOTE, 2) as file:
        file.write(GENERATOR.random((5, 14, 3), np.float32))
        raise MemoryError
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="cannot write the image"):
        BandFile(tmp_path / "missing" / "a.png", photograph, NOTE, 2)
