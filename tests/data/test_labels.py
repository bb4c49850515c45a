import dataclasses

import numpy as np
import pytest

from jaxgen import data
from jaxgen.data import loading
from jaxgen.errors import UsageError

IMAGE = np.zeros((12, 4, 4, 1), np.uint8)
LABEL = np.arange(12) % 3


def test_labels_inside_the_classes_and_labels_nobody_asks_for():
    loaded = data.from_arrays(IMAGE, LABEL, data.Config(classes=3))
    np.testing.assert_array_equal(loaded.arrays["label"], LABEL)
    assert data.from_arrays(IMAGE, LABEL - 5).arrays["label"].min() == -5
    assert data.from_arrays(IMAGE).arrays.keys() == {"image"}


@pytest.mark.parametrize(("label", "wrong"), [(LABEL, 2), (LABEL - 1, -1)])
def test_a_label_outside_the_classes_is_named(label, wrong):
    with pytest.raises(UsageError, match=rf"image \d+ has label {wrong}, outside the 2 classes from 0 to 1: set data"):
        data.from_arrays(IMAGE, label, data.Config(classes=2))


def test_data_without_labels():
    with pytest.raises(UsageError, match="the data set npz has no labels, and 2 classes are asked for"):
        data.from_arrays(IMAGE, None, data.Config(name="npz", classes=2))
    with pytest.raises(UsageError, match="the data set photos has no labels"):
        data.load(data.Config(name="photos", size=32, classes=2, split="test"))


def test_data_read_one_by_one(picture_folder):
    with pytest.raises(
        UsageError, match="has no labels, and 2 classes are asked for: a class is a folder in it, and it has no two"
    ):
        data.load(data.Config(name="folder", dir=str(picture_folder), size=8, channels=1, classes=2))


def test_a_class_without_images_to_train_on(tmp_path):
    with pytest.raises(UsageError, match=r"split train leaves 12 images and none of class 3: set data.classes to"):
        data.from_arrays(IMAGE, LABEL, data.Config(classes=5))
    path = tmp_path / "set.npz"
    np.savez(path, image=IMAGE, label=LABEL, test_image=IMAGE[:2], test_label=LABEL[:2])
    config = data.Config(name="npz", dir=str(path), classes=4)
    with pytest.raises(UsageError, match="none of class 3"):
        data.load(config)
    # What is held out may be too few for all.
    assert len(data.load(dataclasses.replace(config, classes=3, split="test"))) == 2


def test_a_slice_of_tfds_without_a_class(shared_tfds):
    mnist = data.Config(name="mnist", dir=shared_tfds, split="test[:12]", classes=10)
    with pytest.raises(UsageError, match="leaves 12 images and none of class 5"):
        data.load(mnist)
    with pytest.raises(UsageError, match="leaves 5 images and not one for each of 10 classes"):
        data.load(dataclasses.replace(mnist, split="test[:5]", memory=0.0))
    with pytest.raises(
        UsageError, match=r"mnist has 10 classes \(0, 1, .*, 9\), and 11 are asked for: set data.classes to 10"
    ):
        data.load(dataclasses.replace(mnist, classes=11))


class Labelled:
    """Records whose labels are their numbers."""

    def __len__(self):
        return 6

    def describe(self, index):
        return f"picture {index}"

    def read(self, indices):
        return [{"image": IMAGE[0], "label": np.int32(index)} for index in indices]


def test_a_label_outside_the_classes_in_data_read_one_by_one():
    for memory in (1.0, 0.0):
        config = data.Config(classes=5, memory=memory)
        with pytest.raises(UsageError, match="picture 5 has label 5, outside the 5 classes"):
            loading.from_records(Labelled(), np.arange(6), config).batch(0, 0, size=6)
        assert len(loading.from_records(Labelled(), np.arange(5), config).batch(0, 0, size=5)["label"]) == 5
        with pytest.raises(UsageError, match="split train leaves 4 images and not one for each of 5 classes"):
            loading.from_records(Labelled(), np.arange(4), config)


def test_a_number_of_classes_that_is_none():
    with pytest.raises(UsageError, match="classes is -1: give at least 0"):
        data.from_arrays(IMAGE, LABEL, data.Config(classes=-1))
