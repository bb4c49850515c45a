import io
import os
import stat
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.io import images

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (17, 23, 3), dtype=np.uint8)
GREY = RGB[..., 0]
ALPHA = RANDOM.integers(0, 256, (17, 23), dtype=np.uint8)
GREY16 = RANDOM.integers(0, 65536, (17, 23), dtype=np.uint16)


def save(folder, name, pixels, mode=None, **options):
    image = Image.fromarray(pixels)
    path = folder / name
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".ppm", ".webp"])
def test_lossless_formats_are_read_exactly(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    path = save(tmp_path, f"a{suffix}", RGB, **options)
    image = images.read(path)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(np.rint(image * 255), RGB)
    assert images.shape(path) == image.shape


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path):
    path = save(tmp_path, "a.jpg", RGB, quality=95)
    np.testing.assert_allclose(images.read(path), np.asarray(Image.open(path)) / 255, rtol=1e-6)


def test_the_contents_decide_and_not_the_suffix(tmp_path):
    path = save(tmp_path, "a.png", RGB)
    path.rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(np.rint(images.read(tmp_path / "a.jpg") * 255), RGB)


def test_grey_has_one_channel(tmp_path):
    image = images.read(save(tmp_path, "a.png", GREY))
    np.testing.assert_array_equal(np.rint(image * 255), GREY[..., None])
    bits = images.read(save(tmp_path, "b.png", GREY, "1"))
    assert bits.shape == (17, 23, 1)
    assert set(np.unique(bits)) == {0, 1}


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
def test_16_bits_of_grey_keep_their_precision(tmp_path, suffix):
    path = save(tmp_path, f"a{suffix}", GREY16)
    np.testing.assert_allclose(images.read(path)[..., 0], GREY16 / 65535, rtol=1e-6)
    assert images.shape(path) == (17, 23, 1)


def test_16_bits_of_colour_are_read_by_their_upper_8(tmp_path):
    import cv2

    colour = RANDOM.integers(0, 65536, (17, 23, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), colour[..., ::-1])
    assert abs(images.read(tmp_path / "a.png") - colour / 65535).max() < 1 / 255


def test_floating_point_pictures(tmp_path):
    values = RANDOM.random((17, 23), dtype=np.float32)
    np.testing.assert_array_equal(images.read(save(tmp_path, "a.tiff", values))[..., 0], values)
    path = save(tmp_path, "b.tiff", 3 * values)
    with pytest.raises(UsageError, match=r"b\.tiff: its gray values are neither 16-bit nor floating point in \[0, 1\]"):
        images.read(path)


def test_integers_beyond_16_bits_are_refused(tmp_path):
    path = save(tmp_path, "a.tiff", GREY16.astype(np.int32) * 100)
    with pytest.raises(UsageError, match="neither 16-bit"):
        images.read(path)


def test_palettes_become_colours(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).quantize(16).save(path)
    expected = np.asarray(Image.open(path).convert("RGB"))
    np.testing.assert_array_equal(np.rint(images.read(path) * 255), expected)


def test_cmyk_becomes_colours(tmp_path):
    flat = np.full((8, 8, 3), (200, 30, 90), np.uint8)
    image = images.read(save(tmp_path, "a.jpg", flat, "CMYK", quality=100))
    np.testing.assert_allclose(image, flat / 255, atol=4 / 255)


def test_transparency_is_laid_over_white(tmp_path):
    alpha = ALPHA[..., None] / 255
    colour = images.read(save(tmp_path, "a.png", np.dstack([RGB, ALPHA])))
    np.testing.assert_allclose(colour, RGB / 255 * alpha + 1 - alpha, atol=1.5 / 255)
    grey = images.read(save(tmp_path, "b.png", np.dstack([GREY, ALPHA])))
    assert grey.shape == (17, 23, 1)
    np.testing.assert_allclose(grey, GREY[..., None] / 255 * alpha + 1 - alpha, atol=1.5 / 255)


def test_a_transparent_palette_entry_is_white(tmp_path):
    path = tmp_path / "a.png"
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    picture.save(path, transparency=0)
    np.testing.assert_allclose(images.read(path)[0] * 255, [[255, 255, 255], [40, 50, 60]], atol=1e-4)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_pictures_are_upright(tmp_path, suffix, mode):
    exif = Image.Exif()
    exif[images.ORIENTATION] = 6
    flat = np.zeros((16, 32, 3), np.uint8)
    flat[:, :8] = 255
    path = save(tmp_path, f"a{suffix}", flat, mode, exif=exif)
    image = images.read(path)
    assert image.shape[:2] == images.shape(path)[:2] == (32, 16)
    assert image[:4].mean() > 0.95
    assert image[12:].mean() < 0.05


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_damaged_pictures_are_named_in_one_line(tmp_path, kind):
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, kind)
    whole = buffer.getvalue()
    path = tmp_path / "damaged"
    for length in (0, 1, 9, 40, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r"cannot read the image .*damaged: .") as caught:
            images.read(path)
        assert "\n" not in str(caught.value)
    for position in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :])
        try:
            image = images.read(path)
        except UsageError as error:
            assert "damaged" in str(error)
        else:
            assert image.min() >= 0
            assert image.max() <= 1


def test_what_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    for path in (tmp_path / "a.png", tmp_path / "absent.png", tmp_path):
        for function in (images.read, images.shape):
            with pytest.raises(UsageError, match="cannot read the image"):
                function(path)


@pytest.mark.parametrize("pixels", [RGB, GREY[..., None], GREY], ids=["colour", "one channel", "no channel axis"])
def test_what_is_written_is_read(tmp_path, pixels):
    path = tmp_path / "made" / "a.png"
    images.write(path, pixels / 255)
    np.testing.assert_array_equal(np.rint(images.read(path) * 255).reshape(pixels.shape), pixels)
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_bfloat16_is_floating_point_too(tmp_path):
    images.write(tmp_path / "a.png", jnp.array([[0, 0.5, 1]], jnp.bfloat16))
    np.testing.assert_allclose(images.read(tmp_path / "a.png")[0, :, 0] * 255, [0, 128, 255], atol=1e-4)


def test_values_outside_are_cut(tmp_path):
    images.write(tmp_path / "a.png", np.array([[-0.5, 0.5, 1.5]], np.float32))
    np.testing.assert_allclose(images.read(tmp_path / "a.png")[0, :, 0] * 255, [0, 128, 255], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("a.png", np.zeros((2, 4, 4, 3)), r"give floating point \[height, width, 1 or 3\], not float64\[2, 4, 4, 3\]"),
        ("a.png", np.zeros((4, 4, 2)), "give floating point"),
        ("a.png", RGB, r"not uint8\[17, 23, 3\]"),
        ("a.png", np.full((4, 4), np.nan), "NaN or infinite"),
        ("a.xyz", np.zeros((4, 4)), "give a suffix of an image format"),
        ("a", np.zeros((4, 4)), "give a suffix"),
        ("file/a.png", np.zeros((4, 4)), "cannot write the image .*file/a.png: "),
    ],
)
def test_invalid_images_are_not_written(tmp_path, name, image, message):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=message):
        images.write(tmp_path / name, image)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_keeps_the_existing_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    images.write(path, RGB / 255)
    before = path.read_bytes()

    def fill_the_disk(self, content):
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(UsageError, match=r"cannot write the image .*a\.png: No space left on device"):
        images.write(path, 1 - RGB / 255)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_grid_has_its_images_in_rows():
    pictures = RANDOM.random((5, 4, 6, 3), dtype=np.float32)
    out = images.grid(pictures, columns=2, pad=1)
    assert out.shape == (3 * 5 + 1, 2 * 7 + 1, 3)
    for i, picture in enumerate(pictures):
        top, left = 1 + 5 * (i // 2), 1 + 7 * (i % 2)
        np.testing.assert_array_equal(out[top : top + 4, left : left + 6], picture)
        out[top : top + 4, left : left + 6] = 1
    assert (out == 1).all()


@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 2, 2), (5, 2, 3), (64, 8, 8)])
def test_a_grid_is_nearly_square(n, rows, columns):
    assert images.grid(np.zeros((n, 3, 3, 1)), pad=0).shape == (3 * rows, 3 * columns, 1)


def test_grids_of_nothing():
    with pytest.raises(ValueError, match="with n at least 1"):
        images.grid(np.zeros((0, 3, 3, 1)))
    with pytest.raises(ValueError, match="with n at least 1"):
        images.grid(np.zeros((3, 3, 1)))
    with pytest.raises(ValueError, match="0 columns: give 1 or more"):
        images.grid(np.zeros((2, 3, 3, 1)), columns=0)


def test_a_grid_of_rows_keeps_its_arrangement():
    rows = np.random.default_rng(0).uniform(size=(3, 2, 4, 5, 1)).astype(np.float32)
    np.testing.assert_array_equal(images.grid(rows), images.grid(rows.reshape(6, 4, 5, 1), columns=2))


def test_singles_are_written_as_they_come_and_the_first_ones_are_kept(tmp_path):
    def parts():
        for first in range(0, 7, 3):
            assert len(list(tmp_path.iterdir())) == first
            yield np.arange(first, min(first + 3, 7), dtype=np.float32)[:, None, None, None] / 10 * np.ones((2, 2, 1))

    kept = images.write_singles(tmp_path, parts(), 4)
    np.testing.assert_allclose(kept[:, 0, 0, 0], [0, 0.1, 0.2, 0.3], rtol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{index:04d}.png" for index in range(7)]
    np.testing.assert_allclose(images.read(tmp_path / "0006.png"), 0.6, atol=0.01)
