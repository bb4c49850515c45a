import numpy as np
import pytest

from jaxgen.data.splits import held_out
from jaxgen.errors import UsageError


def test_train_and_test_share_no_image_and_miss_none():
    train, test = held_out(57, "train"), held_out(57, "test")
    assert test.tolist() == [9, 19, 29, 39, 49]
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), held_out(57, "all"))


def test_unknown_split():
    with pytest.raises(UsageError, match="unknown split 'tset': did you mean test"):
        held_out(57, "tset")


def test_too_few_images_to_hold_one_out():
    assert held_out(9, "test").tolist() == [8]
    assert held_out(1, "test").tolist() == [0]
    with pytest.raises(UsageError, match="no image for split 'train': of 1 images, one in 10"):
        held_out(1, "train")
