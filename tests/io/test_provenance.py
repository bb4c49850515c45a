import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxgen.io import photographs, provenance
from jaxgen.io.photographs import Photograph
from jaxgen.io.png_files import SIGNATURE

NOTE = {"photograph": "ab" * 32, "task": "denoise", "options": {"sigma": 2.5, "mask": None}}
GENERATOR = np.random.default_rng(0)
KINDS = [
    ("PNG", 8, 3),
    ("PNG", 16, 3),
    ("PNG", 8, 1),
    ("JPEG", 8, 3),
    ("TIFF", 8, 3),
    ("TIFF", 16, 3),
    ("TIFF", 16, 1),
    ("WEBP", 8, 3),
    ("BMP", 8, 3),
    ("BMP", 8, 1),
    ("PPM", 8, 3),
    ("PPM", 8, 1),
]


def content_of(kind, bits, channels, **metadata):
    pixels = GENERATOR.random((21, 17, channels), np.float32)
    return photographs.encode(Photograph(pixels, kind=kind, bits=bits, **metadata))


@pytest.mark.parametrize(("kind", "bits", "channels"), KINDS)
def test_a_note_is_found_again_and_changes_no_pixel(kind, bits, channels, tmp_path):
    content = content_of(kind, bits, channels)
    for name, text in (("plain", content), ("noted", provenance.attach(content, NOTE))):
        (tmp_path / name).write_bytes(text)
    assert provenance.read(tmp_path / "plain") is None
    assert provenance.read(tmp_path / "noted") == NOTE
    for read in (lambda path: np.asarray(Image.open(path)), lambda path: cv2.imread(str(path), cv2.IMREAD_UNCHANGED)):
        np.testing.assert_array_equal(*(read(tmp_path / name) for name in ("plain", "noted")))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_metadata_stand_beside_a_note(kind, tmp_path):
    exif = Image.Exif()
    exif[270] = "a harbor"
    content = content_of(kind, 8, 3, profile=b"profile " * 4, exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "noted").write_bytes(provenance.attach(content, NOTE))
    assert provenance.read(tmp_path / "noted") == NOTE
    image = Image.open(tmp_path / "noted")
    assert image.getexif()[270] == "a harbor"
    assert image.info["icc_profile"] == b"profile " * 4
    image.save(tmp_path / "saved again", kind)
    assert provenance.read(tmp_path / "saved again") is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_tiff_hold_a_note(order, tmp_path):
    file = io.BytesIO()
    values = GENERATOR.integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    tifffile.imwrite(file, values, byteorder=order, photometric="rgb")
    (tmp_path / "a.tif").write_bytes(provenance.attach(file.getvalue(), NOTE))
    assert provenance.read(tmp_path / "a.tif") == NOTE
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("start", [SIGNATURE, b"\xff\xd8\xff\xef", b"II*\0", b"RIFF    WEBP", b"BM", b"P6"])
@pytest.mark.parametrize("rest", [b"", b"\0" * 3, b"\xff" * 40, b"\0\0\0\x04jxRC{{{{0000", b"jaxgen\0"])
def test_damaged_files_have_no_note(start, rest, tmp_path):
    (tmp_path / "bad").write_bytes(start + rest)
    assert provenance.read(tmp_path / "bad") is None
    assert provenance.read(tmp_path / "missing") is None


def test_a_format_that_holds_no_note_stays_as_it_is():
    assert provenance.attach(b"GIF89a...", NOTE) == b"GIF89a..."
