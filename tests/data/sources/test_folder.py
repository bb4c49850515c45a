import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.data.splits import held_out_by_name
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
    names = [str(path.relative_to(picture_folder)) for path in paths]
    for split in ("train", "test"):
        index = held_out_by_name(names, split)
        np.testing.assert_array_equal(
            load(picture_folder, split=split).arrays["image"], everything.arrays["image"][index]
        )
    by_order = load(picture_folder, split="test", hold_out="order").arrays["image"]
    np.testing.assert_array_equal(by_order, everything.arrays["image"][[9, 19]])


def test_images_of_one_size_are_cropped_whole(picture_folder):
    loaded = load(picture_folder, size=16, fit="crop")
    assert loaded.arrays["image"].shape == (19, 20, 24, 3)
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


@pytest.fixture
def classes(tmp_path):
    """Forty images of 4x5 pixels in three folders, of which one has a folder in it; gray levels are the classes."""
    for i in range(40):
        folder = tmp_path / ("bag", "hat/red", "shoe")[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 5), i % 3, np.uint8)).save(folder / f"{i:02}.png")
    return tmp_path


@pytest.mark.parametrize("memory", [1.0, 0.0])
def test_folders_with_images_are_their_classes(classes, memory):
    for split in ("train", "test", "all"):
        loaded = load(classes, split=split, classes=3 if split != "test" else 0, memory=memory)
        assert loaded.contents.class_names == ("bag", "hat", "shoe")
        batch = loaded.batch(0, 0, len(loaded))
        np.testing.assert_array_equal(batch["label"], np.rint(np.asarray(batch["image"])[:, 0, 0, 0] * 255))
    assert "3 classes: bag 14, hat 13, shoe 13" in load(classes).contents.lines


def test_tiles_have_the_class_of_their_image(classes):
    save(classes / "shoe" / "large.png", 31, 17, "L")
    loaded = load(classes, size=3, fit="crop", split="all", channels=1, classes=3)
    assert len(loaded) > 41
    assert (loaded.arrays["label"][:14] == 0).all()
    assert (loaded.arrays["label"][-20:] == 2).all()


def test_folders_train_and_test_are_the_splits(classes):
    for split, kept in [("train", "bag"), ("test", "shoe")]:
        (classes / split / "first").mkdir(parents=True)
        (classes / kept).rename(classes / split / kept)
    Image.fromarray(np.full((4, 5), 9, np.uint8)).save(classes / "train" / "first" / "a.png")
    for path in (classes / "hat").rglob("*.png"):
        path.unlink()
    train, test = (load(classes, split=split) for split in ("train", "test"))
    assert train.contents.class_names == test.contents.class_names == ("bag", "first", "shoe")
    assert set(train.arrays["label"]) == {0, 1}
    assert set(test.arrays["label"]) == {2}


def test_classes_that_are_missing_or_of_another_number(classes):
    with pytest.raises(
        UsageError, match=r"has 3 classes \(bag, hat, shoe\), and 10 are asked for: set data.classes to 3"
    ):
        load(classes, classes=10)
    save(classes / "alone.png", 4, 5, "L")
    assert load(classes).contents.class_names == ()
    assert "label" not in load(classes).arrays
    with pytest.raises(UsageError, match=r"3 classes are asked for: .* 1 images lie outside \(alone\.png\)"):
        load(classes, classes=3)


def test_few_held_out_images_are_said(tmp_path):
    for i in range(200):
        save(tmp_path / f"{i}.png", 8, 8)
    assert not any("held out" in line for line in load(tmp_path, size=8).contents.lines)
    for i in range(20, 200):
        (tmp_path / f"{i}.png").unlink()
    held = 20 - len(load(tmp_path, size=8))
    assert f"few images are held out, {held} of 20: scores on them vary much" in load(tmp_path, size=8).contents.lines
    assert not any("held out" in line for line in load(tmp_path, size=8, split="all").contents.lines)


def test_what_is_found_is_described(tmp_path):
    for i, size in enumerate([(20, 30), (20, 30), (20, 30), (31, 17), (8, 9), (40, 50)]):
        save(tmp_path / f"{i}.png", *size)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "@eaDir").mkdir()
    lines = load(tmp_path, size=8, split="all").contents.lines
    assert lines[0] == (
        f"found in {tmp_path}: 6 images, 6 in the split all; height x width 20x30 (3), 31x17 (1), 8x9 (1) and 1 more "
        "from 8x9 to 40x50"
    )
    assert lines[1] == (
        f"skipped in {tmp_path}: 1 hidden or of the system (@eaDir); 1 no image by the suffix (notes.txt)"
    )


def test_damaged_images_are_found_before_a_streamed_training_or_left_out(tmp_path):
    for i in range(30):
        save(tmp_path / f"{i:02}.jpg", 40, 40, seed=i)
    for name in ("03.jpg", "17.jpg"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(
        UsageError, match=r"2 of 30 images cannot be read: .*03\.jpg: .*; repair it, or set data.skip_dam"
    ):
        load(tmp_path, memory=0.0)
    for memory in (0.0, 1.0):
        loaded = load(tmp_path, split="all", memory=memory, skip_damaged=True)
        assert len(loaded) == 28
        assert not {"03.jpg", "17.jpg"} & {file.name for file in loaded.contents.files}
        assert sum("skipped, 2 damaged" in line for line in loaded.contents.lines) == 2
        assert loaded.batch(0, 0, 28)["image"].shape == (28, 40, 40, 3)
    for i in range(30):
        (tmp_path / f"{i:02}.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="none of the 30 images"):
        load(tmp_path, skip_damaged=True)


def test_twelve_bits_in_sixteen_are_scaled_by_the_value_of_white(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (20, 6, 5)).astype(np.uint16)
    values[:, 0, 0] = 4095
    for i, pixels in enumerate(values):
        Image.fromarray(pixels).save(tmp_path / f"{i:02}.png")
    plain = load(tmp_path, split="all")
    assert plain.arrays["image"].max() == 16
    assert any("values go up to 4095" in line and "set data.white to 4095" in line for line in plain.contents.lines)
    scaled = load(tmp_path, split="all", white=4095)
    np.testing.assert_array_equal(scaled.arrays["image"][..., 0], np.rint(values * np.float32(255 / 4095)))
    assert not any("white" in line for line in scaled.contents.lines)
    for memory in (0.0, 1.0):
        with pytest.raises(UsageError, match="its gray values go up to 4095, above 1023, which is to be white"):
            load(tmp_path, split="all", white=1023, memory=memory)
    with pytest.raises(UsageError, match="white 4095 is for 16-bit files and arrays, and the data set is digits"):
        data.load(data.Config(white=4095))
