import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from jaxgen.errors import UsageError
from jaxgen.io import photographs, samples

GENERATOR = np.random.default_rng(0)
DEEP = GENERATOR.integers(0, 65536, (5, 7, 4)).astype(np.uint16)
SHALLOW = (DEEP >> 8).astype(np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION, ARTIST = 0x0112, 0x013B
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def again(path, tmp_path):
    """The photograph of a file, and the same after it was written and read."""
    first = photographs.read(path)
    copy = tmp_path / f"copy{photographs.SUFFIXES[first.kind][0]}"
    photographs.write(copy, first)
    return first, photographs.read(copy), copy


def assert_same(first, second):
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert (first.alpha is None) == (second.alpha is None)
    if first.alpha is not None:
        np.testing.assert_array_equal(first.alpha, second.alpha)
    assert first[2:] == second[2:]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("mode", list(CHANNELS))
def test_eight_bits_are_kept_with_alpha_profile_and_exif(mode, suffix, tmp_path):
    values = SHALLOW[..., 4 - CHANNELS[mode] :] if mode != "L" else SHALLOW[..., 0]
    exif = Image.Exif()
    exif[ARTIST] = "a person"
    Image.fromarray(np.ascontiguousarray(values)).save(
        tmp_path / f"a{suffix}", icc_profile=PROFILE, exif=exif, **({"lossless": True} if suffix == ".webp" else {})
    )
    first, second, copy = again(tmp_path / f"a{suffix}", tmp_path)
    colours = 1 if mode.startswith("L") and suffix != ".webp" else 3
    assert first.pixels.shape == (5, 7, colours)
    assert (first.bits, first.profile) == (8, PROFILE)
    if mode.endswith("A"):
        np.testing.assert_allclose(first.alpha[..., 0] * 255, values[..., -1], atol=1e-4)
    else:
        assert first.alpha is None
        np.testing.assert_allclose(
            first.pixels * 255, np.broadcast_to(np.atleast_3d(values), first.pixels.shape), atol=1e-4
        )
    if suffix != ".webp":
        assert_same(first, second)
        assert Image.open(copy).mode == mode
    assert Image.open(copy).getexif()[ARTIST] == "a person"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_kept(channels, suffix, tmp_path):
    values = DEEP[..., :channels]
    for_cv2 = values[..., [2, 1, 0, 3][:channels]] if channels > 1 else values
    cv2.imwrite(str(tmp_path / f"a{suffix}"), for_cv2, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    first, second, copy = again(tmp_path / f"a{suffix}", tmp_path)
    assert first.bits == 16
    np.testing.assert_array_equal(np.rint(first.pixels * 65535), values[..., : min(channels, 3)])
    assert_same(first, second)
    np.testing.assert_array_equal(
        cv2.imread(str(copy), cv2.IMREAD_UNCHANGED).reshape(5, 7, -1),
        cv2.imread(str(tmp_path / f"a{suffix}"), -1).reshape(5, 7, -1),
    )


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_dots_per_inch_are_kept(suffix, bits, tmp_path):
    kind = {".png": "PNG", ".tif": "TIFF", ".jpg": "JPEG"}[suffix]
    Image.fromarray(SHALLOW[..., :3]).save(tmp_path / f"a{suffix}", dpi=(300, 150))
    found = photographs.read(tmp_path / f"a{suffix}")
    photographs.write(tmp_path / f"b{suffix}", found._replace(bits=8 if kind == "JPEG" else bits))
    assert tuple(map(round, Image.open(tmp_path / f"b{suffix}").info["dpi"])) == (300, 150)
    Image.fromarray(SHALLOW[..., :3]).save(tmp_path / f"c{suffix}")
    assert photographs.read(tmp_path / f"c{suffix}").dpi is None


def test_premultiplied_alpha_is_divided_out(tmp_path):
    alpha = np.full((5, 7, 1), 0.5)
    straight = DEEP[..., :3] / 65535
    stored = np.rint(np.concatenate([straight * alpha, alpha], -1) * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    found = photographs.read(tmp_path / "a.tif")
    np.testing.assert_allclose(found.pixels, straight, atol=2 / 65535)
    np.testing.assert_allclose(found.alpha, alpha, atol=1 / 65535)


def test_a_ppm_of_16_bits_is_refused(tmp_path):
    header = b"P6\n# a comment 9\n7 5\n65535\n"
    (tmp_path / "a.ppm").write_bytes(header + DEEP[..., :3].astype(">u2").tobytes())
    with pytest.raises(UsageError, match=r"a\.ppm: it has 16 bits for each color.*save it as PNG"):
        photographs.read(tmp_path / "a.ppm")


def test_sixteen_bit_colour_keeps_profile_and_exif(tmp_path):
    exif = Image.Exif()
    exif[ARTIST] = "a person"
    whole = photographs.Photograph(
        np.float32(DEEP[..., :3] / 65535),
        None,
        "PNG",
        16,
        PROFILE,
        exif.tobytes().removeprefix(photographs.EXIF_HEADER),
    )
    photographs.write(tmp_path / "a.png", whole)
    found = photographs.read(tmp_path / "a.png")
    assert_same(whole, found)
    assert Image.open(tmp_path / "a.png").getexif()[ARTIST] == "a person"
    photographs.write(tmp_path / "a.tif", whole._replace(kind="TIFF"))
    assert photographs.read(tmp_path / "a.tif").profile == PROFILE


def test_gray_with_alpha_of_sixteen_bits_is_kept(tmp_path):
    whole = photographs.Photograph(np.float32(DEEP[..., :1] / 65535), np.float32(DEEP[..., 1:2] / 65535), "PNG", 16)
    photographs.write(tmp_path / "a.png", whole)
    assert_same(whole, photographs.read(tmp_path / "a.png"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_images_are_oriented_once(orientation, suffix, tmp_path):
    smooth = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40, np.ones((8, 8), np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(smooth).save(tmp_path / f"a{suffix}", exif=exif)
    first, second, _ = again(tmp_path / f"a{suffix}", tmp_path)
    expected = samples.oriented(smooth[..., None], orientation)
    for found in (first, second):
        np.testing.assert_allclose(found.pixels * 255, expected, atol=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bit_color_is_oriented_as_pillow_orients_eight(orientation, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    deep = photographs.Photograph(
        np.float32(DEEP[..., :3] / 65535),
        kind="PNG",
        bits=16,
        exif=exif.tobytes().removeprefix(photographs.EXIF_HEADER),
    )
    photographs.write(tmp_path / "deep.png", deep)
    Image.fromarray(SHALLOW[..., :3]).save(tmp_path / "shallow.png", exif=exif)
    found, expected = (photographs.read(tmp_path / f"{name}.png") for name in ("deep", "shallow"))
    assert (found.bits, expected.bits) == (16, 8)
    np.testing.assert_array_equal(np.rint(found.pixels * 65535) // 256, np.rint(expected.pixels * 255))


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.gif", "P"), ("a.png", "P"), ("a.png", "1"), ("a.jpg", "CMYK"), ("a.bmp", "RGB"), ("a.ppm", "RGB")],
)
def test_other_modes_are_converted(name, mode, tmp_path):
    picture = Image.fromarray(np.kron(SHALLOW[..., :3], np.ones((8, 8, 1), np.uint8))).convert(mode)
    picture.save(tmp_path / name)
    first, _, copy = again(tmp_path / name, tmp_path)
    assert first.pixels.shape == (40, 56, 1 if mode == "1" else 3)
    assert copy.suffix == (".png" if name == "a.gif" else (tmp_path / name).suffix)
    np.testing.assert_allclose(
        first.pixels * 255, np.atleast_3d(picture.convert("L" if mode == "1" else "RGB")), atol=2
    )


def test_a_transparent_palette_keeps_its_alpha(tmp_path):
    picture = Image.fromarray(SHALLOW[..., :3]).quantize(8)
    picture.save(tmp_path / "a.png", transparency=3)
    found = photographs.read(tmp_path / "a.png")
    np.testing.assert_array_equal(found.alpha[..., 0] == 0, np.asarray(picture) == 3)


def test_a_file_without_exactly_one_image_is_refused(tmp_path):
    frames = [Image.fromarray(SHALLOW[..., i]) for i in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.png").write_text("no picture")
    frames[0].save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "real.tif")
    for name, message in {
        "moving.gif": "it holds 3 images; give a file for each",
        "pages.tif": "it holds 3 images; give a file for each",
        "empty.png": "it is empty",
        "words.png": "it is no image",
        "half.png": "truncated|broken",
        "missing.png": "No such file or directory$",
        "real.tif": "its values are floating point: give 8 or 16 bits",
    }.items():
        with pytest.raises(UsageError, match=rf"{name}.*{message}") as caught:
            photographs.read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_the_size_limit_replaces_pillows(tmp_path):
    Image.fromarray(np.zeros((300, 400), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"a.png: 0.1 megapixels, and 0.05 are allowed: raise --max-megapixels"):
        photographs.read(tmp_path / "a.png", 0.05)
    kept, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, 1000
    try:
        assert photographs.read(tmp_path / "a.png").pixels.shape == (300, 400, 1)
        assert Image.MAX_IMAGE_PIXELS == 1000
    finally:
        Image.MAX_IMAGE_PIXELS = kept


def test_an_image_beyond_its_format_is_refused(tmp_path):
    wide = photographs.Photograph(np.zeros((1, 20_000, 3), np.float32), kind="WEBP")
    with pytest.raises(UsageError, match=r"cannot write .*a\.webp as WEBP: "):
        photographs.write(tmp_path / "a.webp", wide)
    assert not list(tmp_path.iterdir())


def test_a_jpeg_keeps_profile_and_exif(tmp_path):
    exif = Image.Exif()
    exif[ARTIST], exif[ORIENTATION] = "a person", 6
    values = np.kron(SHALLOW[..., :3], np.ones((8, 8, 1), np.uint8))
    Image.fromarray(values).save(tmp_path / "a.jpg", icc_profile=PROFILE, exif=exif)
    first, second, copy = again(tmp_path / "a.jpg", tmp_path)
    assert first.pixels.shape == (56, 40, 3)
    assert (first.kind, first.profile) == ("JPEG", PROFILE)
    assert second[2:] == first[2:]
    written = Image.open(copy).getexif()
    assert written[ARTIST] == "a person"
    assert ORIENTATION not in written


def test_of_several_views_the_first_is_read(tmp_path):
    first, second = (Image.fromarray(np.full((16, 16, 3), value, np.uint8)) for value in (50, 200))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    found = photographs.read(tmp_path / "a.jpg")
    assert found.kind == "JPEG"
    np.testing.assert_allclose(found.pixels * 255, 50, atol=2)


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError, match=r"cannot write the image .*folder\.png"):
        photographs.write(tmp_path / "folder.png", photographs.Photograph(np.zeros((2, 2, 1), np.float32)))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
