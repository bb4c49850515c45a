"""Samples of more than 8 bits: PNG and TIFF files."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.io import photographs, png_files, tiff_files

CASES = Path(__file__).parents[3] / "shared" / "cases" / "photographs"
GENERATOR = np.random.default_rng(0)
DEEP = GENERATOR.integers(0, 65536, (35, 27, 4)).astype(np.uint16)
GRAY, COLORS = DEEP[..., 0], DEEP[..., :3]


def again(path, folder):
    """The photograph of a file, and the file that it was written to."""
    found = photographs.read(path)
    copy = folder / f"copy{photographs.SUFFIXES[found.kind][0]}"
    photographs.write(copy, found)
    return found, copy


@pytest.mark.parametrize("significant", [8, 10, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_significant_bits_of_a_png_scale_nothing(channels, significant, tmp_path):
    chunk = (b"sBIT", bytes([significant] * channels))
    stored = png_files.insert_chunks(png_files.write_samples(DEEP[..., :channels]), [chunk])
    (tmp_path / "a.png").write_bytes(stored)
    found, copy = again(tmp_path / "a.png", tmp_path)
    seen = found.pixels if found.alpha is None else np.concatenate([found.pixels, found.alpha], -1)
    assert (found.alpha is None) == (channels in {1, 3})
    np.testing.assert_array_equal(np.rint(seen * 65535), DEEP[..., :channels])
    assert found.bits == 16
    np.testing.assert_array_equal(png_files.read_samples(copy.read_bytes()), DEEP[..., :channels])
    assert b"sBIT" not in dict(png_files.read_chunks(copy.read_bytes()))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_color_of_sixteen_bits_becomes_alpha(channels, tmp_path):
    values = DEEP[..., :channels].copy()
    values[3:5, 2:9] = 777
    chunk = (b"tRNS", np.full(channels, 777, ">u2").tobytes())
    (tmp_path / "a.png").write_bytes(png_files.insert_chunks(png_files.write_samples(values), [chunk]))
    found = photographs.read(tmp_path / "a.png")
    np.testing.assert_array_equal(found.alpha[..., 0] == 0, (values == 777).all(-1))
    np.testing.assert_array_equal(np.rint(found.pixels * 65535), values)


@pytest.mark.parametrize("bits", [8, 16])
def test_where_white_is_zero_white_stays_white(bits, tmp_path):
    stored = GRAY if bits == 16 else (GRAY >> 8).astype(np.uint8)
    white = 2**bits - 1
    tifffile.imwrite(tmp_path / "a.tif", white - stored, photometric="miniswhite")
    found, copy = again(tmp_path / "a.tif", tmp_path)
    np.testing.assert_array_equal(np.rint(found.pixels[..., 0] * white), stored)
    assert (found.bits, found.kind) == (bits, "TIFF")
    with tifffile.TiffFile(copy) as written:
        assert written.pages.first.photometric == tiff_files.BLACK_IS_ZERO
        np.testing.assert_array_equal(written.pages.first.asarray(), stored)


def packed(values):
    """The bytes of rows of 12-bit values, each row from a whole byte on."""
    digits = np.unpackbits(values.astype(">u2").view(np.uint8).reshape(*values.shape, 2), axis=-1)[..., 4:]
    return np.packbits(digits.reshape(len(values), -1), axis=1).tobytes()


def tiff_of(tags, content):
    """A TIFF file of one strip."""
    tags = dict(sorted({**tags, 273: 8, 279: len(content)}.items()))
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) if np.ndim(value) == 0 else value for tag, value in tags.items()
    )
    content += bytes(len(content) % 2)
    header = b"II*\0" + struct.pack("<I", 8 + len(content)) + content
    return header + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("photometric", [tiff_files.WHITE_IS_ZERO, tiff_files.BLACK_IS_ZERO])
def test_twelve_bits_fill_sixteen(photometric, tmp_path):
    values = GRAY >> 4
    stored = 4095 - values if photometric == tiff_files.WHITE_IS_ZERO else values
    tags = {256: 27, 257: 35, 258: 12, 259: 1, 262: photometric, 277: 1, 278: 35}
    (tmp_path / "a.tif").write_bytes(tiff_of(tags, packed(stored)))
    found, copy = again(tmp_path / "a.tif", tmp_path)
    np.testing.assert_array_equal(np.rint(found.pixels[..., 0] * 4095), values)
    assert found.bits == 16
    np.testing.assert_allclose(photographs.read(copy).pixels, found.pixels, atol=1 / 65535)
    np.testing.assert_allclose(tifffile.imread(copy) / 65535, values / 4095, atol=1 / 65535)


@pytest.mark.parametrize("bits", [12, 14])
@pytest.mark.parametrize("is_stated", [True, False])
@pytest.mark.parametrize("colors", [1, 3])
def test_fewer_bits_within_sixteen_stay_so(colors, is_stated, bits, tmp_path):
    values, white = DEEP[..., :colors].squeeze() >> (16 - bits), 2**bits - 1
    tag = (tiff_files.MAX_SAMPLE_VALUE, 3, colors, (white,) * colors, True)
    options = {"photometric": "minisblack" if colors == 1 else "rgb", "extratags": [tag] if is_stated else []}
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    found, copy = again(tmp_path / "a.tif", tmp_path)
    is_scaled = is_stated or bits == 12
    np.testing.assert_array_equal(np.rint(found.pixels.squeeze() * (white if is_scaled else 65535)), values)
    assert found.notes == ((f"its white is {white} of 65535",) if is_scaled else ())
    np.testing.assert_array_equal(tifffile.imread(copy), values)
    np.testing.assert_array_equal(photographs.read(copy).pixels, found.pixels)
    photographs.write(tmp_path / "a.png", found._replace(kind="PNG"))
    np.testing.assert_allclose(photographs.read(tmp_path / "a.png").pixels, found.pixels, atol=1 / 65535)


def test_the_largest_sample_alone_is_no_white(tmp_path):
    """Some programs write the largest sample that there is, as the tag was meant."""
    values = np.minimum(GRAY, 40_000)
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(tiff_files.MAX_SAMPLE_VALUE, 3, 1, 40_000, True)])
    np.testing.assert_array_equal(np.rint(photographs.read(tmp_path / "a.tif").pixels[..., 0] * 65535), values)


COMPRESSIONS = {"none": 1, "lzw": 5, "deflate": 8, "packbits": 32773}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("values", [GRAY, COLORS, DEEP], ids=["gray", "colors", "alpha"])
def test_a_tiff_of_opencv_is_read_whatever_its_compression(values, compression, tmp_path):
    smooth = cv2.GaussianBlur(values, (0, 0), 3)
    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), smooth, [cv2.IMWRITE_TIFF_COMPRESSION, COMPRESSIONS[compression]])
    with tifffile.TiffFile(path) as file:
        assert file.pages.first.compression == COMPRESSIONS[compression]
    found = photographs.read(path)
    expected = smooth if smooth.ndim == 2 else smooth[..., [2, 1, 0, 3][: smooth.shape[-1]]]
    seen = found.pixels if found.alpha is None else np.concatenate([found.pixels, found.alpha], -1)
    np.testing.assert_array_equal(np.rint(seen.squeeze() * 65535), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16)},
        {"rowsperstrip": 8},
        {"planarconfig": "separate", "rowsperstrip": 8},
        {"byteorder": ">"},
        {"compression": "zlib", "tile": (32, 16)},
        {"compression": "zlib", "predictor": True, "byteorder": ">", "rowsperstrip": 8},
        {"bigtiff": True},
    ],
    ids=str,
)
def test_a_tiff_is_read_however_its_samples_lie(options, tmp_path):
    values = np.moveaxis(COLORS, -1, 0) if "planarconfig" in options else COLORS
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(values), photometric="rgb", **options)
    np.testing.assert_array_equal(np.rint(photographs.read(tmp_path / "a.tif").pixels * 65535), COLORS)


def test_gray_with_alpha_of_sixteen_bits_is_kept_in_tiff(tmp_path):
    options = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", DEEP[..., :2], **options)
    found, copy = again(tmp_path / "a.tif", tmp_path)
    assert (found.pixels.shape, found.bits, found.kind) == ((35, 27, 1), 16, "TIFF")
    np.testing.assert_array_equal(np.rint(np.concatenate([found.pixels, found.alpha], -1) * 65535), DEEP[..., :2])
    np.testing.assert_array_equal(tifffile.imread(copy), DEEP[..., :2])


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.float32(COLORS / 65535), {"photometric": "rgb"}, "floating point: give 8 or 16 bits"),
        (np.float32(GRAY / 65535), {}, "floating point: give 8 or 16 bits"),
        (GRAY.astype(np.int16), {}, "16 bits with a sign: give 8 or 16 bits"),
        (GRAY.astype(np.uint32), {}, "32 bits: give 8 or 16 bits"),
        (np.concatenate([DEEP, DEEP], -1), {"photometric": "rgb"}, "8 channels: give 3 of colors, and perhaps alpha"),
    ],
    ids=["float colors", "float gray", "signed", "32 bits", "channels"],
)
def test_samples_of_other_kinds_are_refused_in_a_line(values, options, message, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    with pytest.raises(UsageError, match=rf"a\.tif: its? .*{message}") as caught:
        photographs.read(tmp_path / "a.tif")
    assert "\n" not in str(caught.value)


def test_a_truncated_tiff_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", COLORS, photometric="rgb", compression="zlib")
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-700])
    with pytest.raises(UsageError, match=r"cannot read the image .*b\.tif: "):
        photographs.read(tmp_path / "b.tif")


@pytest.mark.parametrize("place", ["page", "subpage", "first"])
@pytest.mark.parametrize("values", [COLORS, (COLORS >> 8).astype(np.uint8)], ids=["deep", "shallow"])
def test_a_preview_is_no_second_picture(values, place, tmp_path):
    small, rgb = np.ascontiguousarray(values[::4, ::4]), {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        if place == "first":
            file.write(small, subfiletype=1, **rgb)
        file.write(values, subifds=1 if place == "subpage" else None, **rgb)
        if place != "first":
            file.write(small, subfiletype=1, **rgb)
    found = photographs.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.rint(found.pixels * (2**found.bits - 1)), values)


def test_a_picture_behind_its_preview_is_found(tmp_path):
    """As in files of cameras, whose first page is a preview with the picture below it."""
    rgb = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.ascontiguousarray(COLORS[::4, ::4]), subfiletype=1, subifds=1, **rgb)
        file.write(COLORS, subfiletype=0, **rgb)
    np.testing.assert_array_equal(np.rint(photographs.read(tmp_path / "a.tif").pixels * 65535), COLORS)


def test_several_pictures_are_no_photograph(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for index in range(2):
            file.write(DEEP[..., index], metadata=None)
        file.write(np.ascontiguousarray(GRAY[::4, ::4]), subfiletype=1, metadata=None)
    with pytest.raises(UsageError, match=r"a\.tif: it holds 2 images; give a file for each"):
        photographs.read(tmp_path / "a.tif")


def test_an_eight_bit_tiff_of_jpeg_is_read(tmp_path):
    values = cv2.GaussianBlur((COLORS >> 8).astype(np.uint8), (0, 0), 3)
    Image.fromarray(values).save(tmp_path / "a.tif", compression="jpeg", quality=100)
    np.testing.assert_allclose(photographs.read(tmp_path / "a.tif").pixels * 255, values, atol=12)


@pytest.mark.skipif(not CASES.exists(), reason="no cases in ../shared")
@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("sixteen/sbit8.png", "sixteen/plain16.png"),
        ("sixteen/sbit10.png", "sixteen/plain16.png"),
        ("lzw/cv2_default.tif", "sixteen/plain16.png"),
        ("sixteen/miniswhite16.tif", "sixteen/miniswhite8.tif"),
        ("sixteen/la16.tif", "sixteen/miniswhite8.tif"),
    ],
)
def test_cases_show_the_same_scene(name, same_as):
    found, expected = (photographs.read(CASES / path) for path in (name, same_as))
    assert found.bits == 16
    np.testing.assert_allclose(found.pixels, expected.pixels, atol=1 / 255)
