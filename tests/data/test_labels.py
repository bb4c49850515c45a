import numpy as np
import pytest

from jaxgen import data
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
    with pytest.raises(UsageError, match="the data set folder has no labels"):
        data.load(data.Config(name="folder", dir=str(picture_folder), size=8, channels=1, classes=2))


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
            data.sources.from_records(Labelled(), np.arange(6), config).batch(0, 0, size=6)
        assert len(data.sources.from_records(Labelled(), np.arange(5), config).batch(0, 0, size=5)["label"]) == 5


def test_a_number_of_classes_that_is_none():
    with pytest.raises(UsageError, match="classes -1: give their number"):
        data.from_arrays(IMAGE, LABEL, data.Config(classes=-1))
