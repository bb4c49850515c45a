import jax
import numpy as np
import pytest

from jaxgen.degradations import draws

KEY = jax.random.key(0)


def test_uniform_numbers_lie_between_the_bounds_of_each_example(computed):
    low, high = np.float32([0.0, 5.0] * 2000), np.float32([1.0, 7.0] * 2000)
    drawn = computed(lambda key: draws.uniform(key, 4000, low, high), KEY)
    assert np.all((low <= drawn) & (drawn < high))
    np.testing.assert_allclose([drawn[::2].mean(), drawn[1::2].mean()], [0.5, 6], atol=0.05)


def test_streams_are_independent_and_each_examples_own(computed):
    def two_streams(key, count):
        return [draws.uniform(stream, count) for stream in draws.split_keys(key, count, 2)]

    of_one_key = computed(lambda key: two_streams(key, 5), KEY)
    assert len(np.unique(np.concatenate(of_one_key))) == 10
    keys = jax.random.split(KEY, 5)
    whole, alone = computed(lambda keys: (two_streams(keys, 5), two_streams(keys[3:], 2)), keys)
    np.testing.assert_array_equal(alone[1], whole[1][3:])


def test_alternatives_come_with_their_probabilities(computed):
    drawn = computed(lambda key: draws.choice(key, (0.2, 0.0, 0.5, 0.3), 4000), KEY)
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 4000, [0.2, 0, 0.5, 0.3], atol=0.03)


@pytest.mark.parametrize("images", [np.zeros((4, 4, 3), np.float32), np.zeros((1, 4, 4, 3), np.uint8)])
def test_what_is_no_batch_of_images_is_refused(images):
    with pytest.raises(ValueError, match=r"give float\[batch, height, width, channel\]"):
        draws.check_images(images)
