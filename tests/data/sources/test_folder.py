import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.errors import UsageError


def save(path, height, width, mode="RGB", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


def load(path, **config):
    return data.load(data.Config(name="folder", dir=str(path), **config))


def test_images_in_the_order_of_their_paths(picture_folder):
    everything = load(picture_folder, split="all")
    paths = sorted(picture_folder.rglob("[0-9]*.png"))
    assert everything.arrays["image"].shape == (23, 20, 24, 3)
    for image, path in zip(everything.arrays["image"], paths, strict=True):
        np.testing.assert_array_equal(image, np.asarray(Image.open(path)))
    test = load(picture_folder, split="test").arrays["image"]
    np.testing.assert_array_equal(test, everything.arrays["image"][[9, 19]])
    assert len(load(picture_folder)) == 21


def test_images_of_one_size_are_cropped_whole(picture_folder):
    loaded = load(picture_folder, size=16, fit="crop")
    assert loaded.arrays["image"].shape == (21, 20, 24, 3)
    assert loaded.batch(0, 0, size=5)["image"].shape == (5, 16, 16, 3)


def test_images_of_different_sizes_are_resized(tmp_path):
    for i, (height, width, mode) in enumerate([(20, 30, "RGB"), (31, 17, "L"), (16, 16, "P")]):
        save(tmp_path / f"{i}.png", height, width, mode)
    assert load(tmp_path, size=8, channels=3, split="all").arrays["image"].shape == (3, 8, 8, 3)
    with pytest.raises(UsageError, match=r"1\.png is 8x8x1 and .*0\.png is 8x8x3: give a size, and channels 1 or 3"):
        load(tmp_path, size=8, split="all")
    with pytest.raises(UsageError, match=r"2\.png is 16x16x3 and .*0\.png is 20x30x3|1\.png is 31x17x3"):
        load(tmp_path, channels=3, split="all")


def test_images_of_different_sizes_are_cut_into_tiles(tmp_path):
    pictures = [save(tmp_path / f"{i}.png", *size, seed=i) for i, size in enumerate([(20, 30), (31, 17)])]
    whole = load(tmp_path, size=8, fit="crop", split="all")
    tiles = whole.arrays["image"]
    assert tiles.shape[1:] == (16, 16, 3)
    for tile in tiles:
        assert any(
            (tile == picture[y : y + 16, x : x + 16]).all()
            for picture in pictures
            for y in range(picture.shape[0] - 15)
            for x in range(picture.shape[1] - 15)
        )
    streamed = load(tmp_path, size=8, fit="crop", split="all", memory=0)
    np.testing.assert_array_equal(streamed.batch(0, 3, size=20)["image"], whole.batch(0, 3, size=20)["image"])


def test_an_image_smaller_than_the_crop(tmp_path):
    save(tmp_path / "large.png", 40, 40)
    save(tmp_path / "small.png", 9, 40)
    with pytest.raises(UsageError, match=r"small\.png is 9x40: smaller than the crop of 16x16"):
        load(tmp_path, size=16, fit="crop", split="all")


def test_a_truncated_image_is_named(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.jpg", 40, 40, seed=i)
    whole = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(whole[: len(whole) // 2])
    for config in ({}, {"size": 16, "fit": "crop"}):
        with pytest.raises(UsageError, match=r"cannot read the image .*1\.jpg: .*truncated"):
            load(tmp_path, **config)


def test_an_orientation_turns_the_tile_as_well(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.tiff", exif=exif)
    save(tmp_path / "upright.png", 40, 40, "L")
    loaded = data.load(data.Config(name="folder", dir=str(tmp_path), size=8, fit="crop", split="all"))
    turned = loaded.arrays["image"]
    upright = np.rot90(pixels, -1)
    assert (turned[0][..., 0] == upright[:16, :16]).all()
    assert (turned[1][..., 0] == upright[8:24, :16]).all()


def test_folders_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UsageError, match=r"no images in .* nor in its folders: looked for .*\.bmp"):
        load(tmp_path)
    with pytest.raises(UsageError, match="no folder of images at ''"):
        load("")
    with pytest.raises(UsageError, match="no folder of images at"):
        load(tmp_path / "notes.txt")
