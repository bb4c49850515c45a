"""EXIF data, XMP packets, texts and dots per inch, through files and enlargement."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from jaxgen.io import metadata, photographs, png_files, tiff_files
from jaxgen.restoration import files
from jaxgen.restoration.inference import Result
from jaxgen.restoration.plans import Options

CASES = Path(__file__).parents[3] / "shared" / "cases" / "photographs"
VALUES = np.kron(np.random.default_rng(0).integers(0, 256, (5, 7, 3)), np.ones((8, 8, 1))).astype(np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:ImageWidth="56" exif:PixelYDimension="40"'
    b' tiff:Orientation="6"><tiff:ImageLength>40</tiff:ImageLength><dc:title>1952, 56</dc:title></rdf:Description>'
)
ORIENTATION = 0x0112


def jpeg_with_exif(path, entries, extra=b""):
    """A JPEG file with EXIF data of entries (tag, type, count, value of 4 bytes)."""
    packed = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    content = b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4) + extra
    Image.fromarray(VALUES).save(path, exif=metadata.EXIF_HEADER + content)


def short(value):
    return struct.pack("<HH", value, 0)


@pytest.mark.parametrize("bad", ["rational", "garbage"])
def test_damaged_exif_costs_the_exif_and_not_the_photograph(bad, tmp_path):
    if bad == "rational":
        # A signed rational of -1/0, behind two entries.
        entries = [(ORIENTATION, 3, 1, short(6)), (0x011A, 10, 1, struct.pack("<I", 38))]
        jpeg_with_exif(tmp_path / "a.jpg", entries, struct.pack("<iI", -1, 0))
    else:
        Image.fromarray(VALUES).save(tmp_path / "a.jpg", exif=b"Exif\0\0\1\2\3\4garbage garbage")
    found = photographs.read(tmp_path / "a.jpg")
    expected = VALUES / 255 if bad == "garbage" else np.rot90(VALUES, -1) / 255
    assert found.pixels.shape == expected.shape
    assert np.abs(found.pixels - expected).mean() < 0.05
    assert (found.exif, found.notes) == (None, (metadata.EXIF_DROPPED,))
    act = lambda photograph, settings, progress: Result(photograph.pixels, "done")
    line = files.restore_one(tmp_path / "a.jpg", act, Options("auto"))
    assert f"done, {metadata.EXIF_DROPPED}, {expected.shape[1]}×{expected.shape[0]} pixels" in line


def test_exif_with_harmless_faults_is_kept(tmp_path):
    entries = [(ORIENTATION, 3, 1, short(6)), (0x011A, 5, 2, struct.pack("<I", 38))]
    jpeg_with_exif(tmp_path / "a.jpg", entries, struct.pack("<IIII", 72, 1, 72, 1))
    found = photographs.read(tmp_path / "a.jpg")
    assert found.pixels.shape == (56, 40, 3)
    assert found.exif is not None
    assert found.notes == ()


@pytest.mark.parametrize("empty", [b"", metadata.EXIF_HEADER], ids=["none", "blank"])
def test_absent_exif_is_not_mentioned(empty, tmp_path):
    Image.fromarray(VALUES).save(tmp_path / "a.jpg", exif=empty)
    found = photographs.read(tmp_path / "a.jpg")
    assert (found.exif, found.notes, found.dpi) == (None, (), None)


def photograph_exif(orientation=1):
    exif = Image.Exif()
    exif[0x0100], exif[0x0101], exif[ORIENTATION] = 56, 40, orientation
    exif[0x010E], exif[0x011A], exif[0x011B], exif[0x0128] = "grandma 1952", IFDRational(300), IFDRational(150), 2
    part = exif.get_ifd(metadata.EXIF_PART)
    part[0xA002], part[0xA003], part[0x9214], part[0xA20E] = 56, 40, (10, 20, 4, 6), IFDRational(1000)
    part[0x829A] = IFDRational(1, 60)
    return exif


def sizes(exif):
    data = metadata.parsed(exif)
    part = data.get_ifd(metadata.EXIF_PART)
    return [int(data[tag]) for tag in (0x0100, 0x0101, 0x011A, 0x011B)] + [part[tag] for tag in (0xA002, 0xA003)]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_an_enlarged_photograph_has_the_size_on_paper_that_it_had(suffix, tmp_path):
    Image.fromarray(VALUES).save(tmp_path / f"a{suffix}", exif=photograph_exif(), dpi=(300, 150), xmp=XMP)
    larger = lambda photograph, settings, progress: Result(photograph.pixels.repeat(4, 0).repeat(4, 1), "")
    files.restore_one(tmp_path / f"a{suffix}", larger, Options("superres"))
    written = tmp_path / f"a-superres{suffix}"
    found = photographs.read(written)
    assert sizes(found.exif) == [224, 160, 1200, 600, 224, 160]
    part = metadata.parsed(found.exif).get_ifd(metadata.EXIF_PART)
    assert (part[0x9214], part[0xA20E], float(part[0x829A])) == ((40, 80, 16, 24), 4000, pytest.approx(1 / 60))
    assert metadata.parsed(found.exif)[0x010E] == "grandma 1952"
    if suffix != ".webp":
        assert tuple(map(round, Image.open(written).info["dpi"])) == (1200, 600)
    if suffix != ".png":
        assert b'tiff:ImageWidth="224"' in found.xmp
        assert b"<tiff:ImageLength>160<" in found.xmp
        assert b'exif:PixelYDimension="160"' in found.xmp
        assert b'tiff:Orientation="1"' in found.xmp
        assert b"1952, 56" in found.xmp


def test_texts_in_exif_keep_their_letters(tmp_path):
    exif = photograph_exif()
    exif[0x013B], exif[0x8298] = "Zoë".encode(), "Zoë".encode("latin-1")
    Image.fromarray(VALUES).save(tmp_path / "a.jpg", exif=exif)
    photographs.write(tmp_path / "b.jpg", photographs.read(tmp_path / "a.jpg"))
    stored = [Image.open(tmp_path / name).getexif() for name in ("a.jpg", "b.jpg")]
    assert all(one[0x013B].encode("latin-1") == "Zoë".encode() for one in stored)
    assert all(one[0x8298] == "Zoë" for one in stored)


def test_a_turned_photograph_has_exif_for_its_pixels(tmp_path):
    Image.fromarray(VALUES).save(tmp_path / "a.jpg", exif=photograph_exif(6), dpi=(300, 150))
    found = photographs.read(tmp_path / "a.jpg")
    assert found.pixels.shape == (56, 40, 3)
    assert sizes(found.exif) == [40, 56, 150, 300, 40, 56]
    assert found.dpi == (150, 300)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_texts_of_a_png_are_kept(bits, tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "grandma 1952")
    texts.add_text("Author", "Zoë", zip=True)
    texts.add_itxt("Description", "祖母", "zh", "描述", zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    Image.fromarray(VALUES).save(tmp_path / "a.png", pnginfo=texts)
    found = photographs.read(tmp_path / "a.png")
    assert set(found.texts) == {("Title", "grandma 1952"), ("Author", "Zoë"), ("Description", "祖母")}
    photographs.write(tmp_path / "b.png", found._replace(bits=bits))
    written = Image.open(tmp_path / "b.png")
    assert {name: written.text[name] for name in ("Title", "Author", "Description")} == dict(found.texts)
    assert 'tiff:Orientation="1"' in written.text["XML:com.adobe.xmp"]
    assert photographs.read(tmp_path / "b.png").texts == found.texts


def test_the_chunks_that_give_a_png_its_colors_are_kept(tmp_path):
    chunks = [(b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", bytes(32))]
    stored = png_files.write_samples(VALUES.astype(np.uint16) * 257)
    (tmp_path / "a.png").write_bytes(png_files.insert_chunks(stored, chunks))
    found = photographs.read(tmp_path / "a.png")
    for bits in (8, 16):
        photographs.write(tmp_path / "b.png", found._replace(bits=bits))
        kept = dict(png_files.read_chunks((tmp_path / "b.png").read_bytes()))
        assert {name: kept[name] for name, _ in chunks} == dict(chunks)


def test_the_comment_of_a_jpeg_is_kept(tmp_path):
    for comment in (b"grandma 1952", "Großmutter".encode(), "Großmutter".encode("latin-1")):
        Image.fromarray(VALUES).save(tmp_path / "a.jpg", comment=comment)
        photographs.write(tmp_path / "b.jpg", photographs.read(tmp_path / "a.jpg"))
        assert Image.open(tmp_path / "b.jpg").info["comment"] == comment
    photographs.write(tmp_path / "b.png", photographs.read(tmp_path / "a.jpg")._replace(kind="PNG"))
    assert Image.open(tmp_path / "b.png").text["Comment"] == "Großmutter"


def test_texts_of_a_png_become_a_comment_of_a_jpeg(tmp_path):
    whole = photographs.Photograph(
        np.float32(VALUES / 255), kind="JPEG", texts=(("Title", "grandma"), ("Comment", "x"))
    )
    photographs.write(tmp_path / "a.jpg", whole)
    assert Image.open(tmp_path / "a.jpg").info["comment"] == b"Title: grandma\nx"


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_tags_of_a_tiff_are_kept(channels, kind, tmp_path):
    texts = {270: "grandma", 271: "Voigtländer", 306: "1952:05:01 12:00:00", 315: "Zoë", 33432: "© family"}
    upright = XMP.replace(b'Orientation="6"', b'Orientation="1"')
    tags = tiff_files.Tags(1, (300.0, 150.0), PROFILE, upright, texts)
    (tmp_path / "a.tif").write_bytes(tiff_files.write(VALUES[..., :channels].astype(kind), tags))
    found = photographs.read(tmp_path / "a.tif")
    assert (found.dpi, found.profile) == ((300, 150), PROFILE)
    larger = photographs.with_pixels(found, found.pixels.repeat(4, 0).repeat(4, 1), None)
    photographs.write(tmp_path / "b.tif", larger)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        written = tiff_files.read_tags(file.pages.first)
    assert (written.dpi, written.profile, written.texts) == ((1200, 600), PROFILE, texts)
    assert b'tiff:ImageWidth="224"' in written.xmp
    read_by_pillow = Image.open(tmp_path / "b.tif")
    assert tuple(map(round, read_by_pillow.info["dpi"])) == (1200, 600)
    assert read_by_pillow.tag_v2[270] == "grandma"
    photographs.write(tmp_path / "b.png", found._replace(kind="PNG"))
    assert Image.open(tmp_path / "b.png").getexif()[270] == "grandma"


def test_a_resolution_in_centimeters_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VALUES, resolution=(100, 50), resolutionunit="CENTIMETER")
    assert photographs.read(tmp_path / "a.tif").dpi == (254, 127)
    tifffile.imwrite(tmp_path / "a.tif", VALUES, resolution=(100, 50), resolutionunit="NONE")
    assert photographs.read(tmp_path / "a.tif").dpi is None


def test_what_describes_the_former_arrays_of_a_tiff_is_left_out(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VALUES)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert "shape" in file.pages.first.description
        assert 270 not in tiff_files.read_tags(file.pages.first).texts


def test_texts_and_exif_become_tags_of_a_tiff(tmp_path):
    exif = metadata.without_orientation(photograph_exif())
    whole = photographs.Photograph(np.float32(VALUES / 255), kind="TIFF", texts=(("Title", "x"), ("Author", "y")))
    photographs.write(tmp_path / "a.tif", whole._replace(exif=exif))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert tiff_files.read_tags(file.pages.first).texts == {270: "grandma 1952", 315: "y"}


@pytest.mark.skipif(not CASES.exists(), reason="no cases in ../shared")
def test_cases_are_kept():
    exif = photographs.read(CASES / "resolution" / "exif.jpg")
    assert (exif.dpi, len(exif.xmp)) == ((300, 300), 230)
    assert metadata.parsed(exif.exif)[0x010E] == "grandma 1952"
    for name, text in (("scan.jpg", ("Comment", "grandma 1952")), ("scan.png", ("Title", "grandma 1952"))):
        found = photographs.read(CASES / "resolution" / name)
        assert found.texts == (text,)
        assert tuple(map(round, found.dpi)) == (300, 300)
    for path in sorted((CASES / "exif").iterdir()):
        turned = path.stem not in {"blank", "garbage"}
        assert photographs.read(path).pixels.shape == ((200, 160, 1) if turned else (160, 200, 1))
