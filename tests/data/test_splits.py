import numpy as np
import pytest

from jaxgen.data.splits import choose_fraction, held_out, held_out_by_name
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


def test_a_smaller_fraction_is_a_part_of_a_larger_one_and_another_seed_chooses_others():
    small, large = choose_fraction(1000, 0.01, "train", 3), choose_fraction(1000, 0.1, "train", 3)
    assert (len(small), len(large)) == (10, 100)
    assert set(small) < set(large)
    assert (np.diff(large) > 0).all()
    assert choose_fraction(1000, 0.01, "train", 4).tolist() != small.tolist()


def test_a_test_split_is_always_whole_and_a_fraction_is_never_empty():
    np.testing.assert_array_equal(choose_fraction(50, 0.1, "test", 0), np.arange(50))
    np.testing.assert_array_equal(choose_fraction(50, 1, "train", 0), np.arange(50))
    assert len(choose_fraction(5, 0.001, "train", 0)) == 1


def test_names_that_are_added_move_no_other_name_from_train_to_test():
    names = [f"folder/{i}.png" for i in range(2000)]
    members = lambda count, split: {names[i] for i in held_out_by_name(names[:count], split)}
    for few, more in [(2, 3), (3, 10), (10, 11), (10, 40), (40, 500), (500, 2000)]:
        assert members(few, "train") <= members(more, "train")
        # Once a hash is below the bound, nothing moves the other way either.
        assert members(few, "test") <= members(more, "test") or len(members(few, "test")) == 1
        assert members(more, "train") | members(more, "test") == members(more, "all")
    assert 150 < len(members(2000, "test")) < 250


def test_of_a_few_names_one_is_held_out():
    for start in range(0, 300, 3):
        names = [str(i) for i in range(start, start + 3)]
        assert len(held_out_by_name(names, "test")) >= 1
    with pytest.raises(UsageError, match="no image for split 'train': of 1 images"):
        held_out_by_name(["a"], "train")
