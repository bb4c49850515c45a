import socket

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from jaxgen import data
from jaxgen.data.sources import embedded
from jaxgen.errors import UsageError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the embedded sets need no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_digits_are_those_of_scikit_learn():
    reference = load_digits()
    for split, is_test in [("train", False), ("test", True)]:
        index = np.arange(1797)[(np.arange(1797) % 5 == 4) == is_test]
        loaded = data.load(data.Config(name="digits", split=split))
        np.testing.assert_array_equal(loaded.arrays["label"], reference.target[index])
        assert abs(loaded.arrays["image"][..., 0] / 255 - reference.images[index] / 16).max() <= 0.5 / 255 + 1e-6
        assert set(loaded.arrays["label"]) == set(range(10))


def test_faces_are_the_first_hundred_of_scikit_images_patches():
    from skimage.data import lfw_subset

    reference = lfw_subset()[:100]
    for split, is_test in [("train", False), ("test", True)]:
        loaded = data.load(data.Config(name="faces", split=split))
        index = np.arange(100)[(np.arange(100) % 5 == 4) == is_test]
        assert abs(loaded.arrays["image"][..., 0] / 255 - reference[index]).max() <= 0.5 / 255 + 1e-6
        assert "label" not in loaded.arrays
    assert data.load(data.Config(name="faces", size=32)).image_shape == (32, 32, 1)


@pytest.mark.parametrize("size", [16, 28, 32])
def test_digits_come_to_the_size_of_a_model(size):
    batch = data.load(data.Config(name="digits", size=size)).batch(0, 0)
    assert batch["image"].shape == (64, size, size, 1)
    assert batch["image"].min() >= 0
    assert batch["image"].max() <= 1


@pytest.fixture(scope="module")
def photo_sets():
    return {
        (split, channels): data.load(data.Config(name="photos", split=split, channels=channels)).arrays["image"]
        for split in ("train", "test")
        for channels in (1, 3)
    }


def test_photos_are_tiles_of_their_channels(photo_sets):
    for (_, channels), tiles in photo_sets.items():
        assert tiles.shape[1:] == (128, 128, channels)
    assert len(photo_sets["train", 1]) > len(photo_sets["train", 3]) > 200
    assert data.load(data.Config(name="photos")).image_shape == (128, 128, 3)


def test_no_photograph_is_in_train_and_in_test(photo_sets):
    for photos in (embedded.COLOUR_PHOTOS, embedded.GREY_PHOTOS):
        assert not set(photos["train"]) & set(photos["test"])
    tiles = {split: {tile.tobytes() for tile in photo_sets[split, 1]} for split in ("train", "test")}
    assert not tiles["train"] & tiles["test"]


def test_crops_of_photos_have_their_full_scale():
    loaded = data.load(data.Config(name="photos", size=40, fit="crop", split="test"))
    crops = np.rint(np.asarray(loaded.batch(0, 0, size=4)["image"]) * 255).astype(np.uint8)
    photographs = [embedded.photograph(file, 3) for file in embedded.COLOUR_PHOTOS["test"]]
    for crop in crops:
        windows = [np.lib.stride_tricks.sliding_window_view(photo[..., 0], (40, 40)) for photo in photographs]
        assert any((window[..., 0, :8] == crop[0, :8, 0]).all(-1).any() for window in windows)


def test_photos_have_no_other_splits():
    with pytest.raises(UsageError, match="unknown split 'validation': allowed: all, test, train"):
        data.load(data.Config(name="photos", split="validation"))


def test_a_package_that_lacks_the_file(monkeypatch):
    with pytest.raises(UsageError, match=r"absent\.png should come with scikit-image and is not there: pip install"):
        embedded.packaged("skimage/data/absent.png")
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"digits\.csv\.gz should come with scikit-learn"):
        data.load(data.Config(name="digits"))


def test_a_single_image_is_every_split(tmp_path):
    astronaut = data.load(data.Config(name="picture"))
    assert astronaut.image_shape == (512, 512, 3)
    path = tmp_path / "one.png"
    Image.fromarray(np.full((5, 7), 9, np.uint8)).save(path)
    for split in ("train", "test"):
        result = data.load(data.Config(name="picture", dir=str(path), split=split)).batch(0, 3, 1)["image"]
        np.testing.assert_allclose(result, np.full((1, 5, 7, 1), 9 / 255), rtol=1e-6)
    with pytest.raises(UsageError, match="missing"):
        data.load(data.Config(name="picture", dir=str(tmp_path / "missing.png")))
