import numpy as np
import pytest

from jaxgen import data
from jaxgen.errors import UsageError

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)
LABEL = np.arange(20)


def save(folder, **arrays):
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return str(path)


def test_images_of_their_own_splits(tmp_path):
    path = save(tmp_path, image=IMAGE, label=LABEL, test_image=IMAGE[:3], test_label=LABEL[:3])
    for split, image, label in [("train", IMAGE, LABEL), ("test", IMAGE[:3], LABEL[:3])]:
        loaded = data.load(data.Config(name="npz", dir=path, split=split))
        np.testing.assert_array_equal(loaded.arrays["image"], image)
        np.testing.assert_array_equal(loaded.arrays["label"], label)
    assert len(data.load(data.Config(name="npz", dir=path, split="all"))) == 23


def test_without_test_images_every_tenth_is_held_out(tmp_path):
    path = save(tmp_path, image=IMAGE[..., 0])
    loaded = data.load(data.Config(name="npz", dir=path, split="test"))
    np.testing.assert_array_equal(loaded.arrays["image"][..., 0], IMAGE[[9, 19], ..., 0])
    assert loaded.arrays.keys() == {"image"}
    assert len(data.load(data.Config(name="npz", dir=path))) == 18


@pytest.mark.parametrize(
    ("arrays", "split", "message"),
    [
        ({"images": IMAGE}, "train", "has no array named image"),
        ({"image": IMAGE, "label": LABEL[:3]}, "train", "label must hold one number for each of image"),
        ({"image": IMAGE, "test_label": LABEL}, "train", "test_label must hold one number for each of test_image"),
        ({"image": IMAGE, "test_image": IMAGE[:, :2]}, "all", "of one shape, for split 'all'"),
        ({"image": IMAGE, "test_image": IMAGE, "label": LABEL}, "all", "label and test_label must both be there"),
        ({"image": IMAGE, "test_image": IMAGE}, "tset", "unknown split 'tset'"),
        ({"image": IMAGE}, "tset", "unknown split 'tset'"),
        ({"image": IMAGE.astype(object)}, "train", "image holds Python objects: save numbers"),
        ({"image": IMAGE.astype(np.int64)}, "train", "image has type int64"),
        ({"image": IMAGE[0, 0]}, "all", r"image has shape \(5, 3\)"),
        (
            {"image": np.zeros((5, 4, 16, 16), np.uint8)},
            "all",
            r"the others last, as image.transpose\(.*\[..., :3\] a",
        ),
        ({"image": np.zeros((5, 2, 16, 16), np.uint8)}, "all", r"channels first with an alpha.*\[..., :1\] are"),
        ({"image": np.zeros((5, 1, 16, 16), np.uint8)}, "all", r"channels last, as image.transpose\(0, 2, 3, 1\) is"),
    ],
)
def test_archives_that_hold_no_set(tmp_path, arrays, split, message):
    path = save(tmp_path, **arrays)
    with pytest.raises(UsageError, match=message) as caught:
        data.load(data.Config(name="npz", dir=path, split=split))
    assert "\n" not in str(caught.value)


def test_missing_damaged_and_foreign_files(tmp_path):
    with pytest.raises(UsageError, match=r"no .npz file at ''"):
        data.load(data.Config(name="npz", dir=""))
    with pytest.raises(UsageError, match=r"no .npz file at"):
        data.load(data.Config(name="npz", dir=str(tmp_path)))
    path = tmp_path / "set.npz"
    np.savez_compressed(path, image=IMAGE)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:200] + bytes(64) + whole[264:], b"no archive", b""):
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"set\.npz is not an \.npz file, or is damaged"):
            data.load(data.Config(name="npz", dir=str(path)))


def test_a_single_array_is_no_archive(tmp_path):
    path = tmp_path / "set.npy"
    np.save(path, IMAGE)
    with pytest.raises(UsageError, match=r"is not an .npz file"):
        data.load(data.Config(name="npz", dir=str(path)))


def test_sixteen_bits_are_scaled_by_the_value_of_white(tmp_path):
    image = np.random.default_rng(0).integers(0, 4096, (20, 6, 5)).astype(np.uint16)
    image[0, 0, 0] = 4095
    path = save(tmp_path, image=image)
    plain = data.load(data.Config(name="npz", dir=path, split="all"))
    assert plain.arrays["image"].max() == 16
    assert "set data.white to 4095" in plain.contents.lines[0]
    scaled = data.load(data.Config(name="npz", dir=path, split="all", white=4095))
    np.testing.assert_array_equal(scaled.arrays["image"][..., 0], np.rint(image * np.float32(255 / 4095)))
    assert scaled.contents.lines == ()
    with pytest.raises(UsageError, match=r"image has values up to 4095, above 1000: set data\.white"):
        data.load(data.Config(name="npz", dir=path, split="all", white=1000))
