import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.degradations import draws

KEY = jax.random.key(0)


def test_uniform_numbers_lie_between_the_bounds_of_each_example():
    low, high = jnp.array([0.0, 5.0] * 2000), jnp.array([1.0, 7.0] * 2000)
    drawn = np.asarray(draws.uniform(KEY, 4000, low, high))
    assert np.all((low <= drawn) & (drawn < high))
    np.testing.assert_allclose([drawn[::2].mean(), drawn[1::2].mean()], [0.5, 6], atol=0.05)


def test_streams_are_independent_and_each_examples_own():
    first, second = draws.split_keys(KEY, 5, 2)
    a, b = draws.uniform(first, 5), draws.uniform(second, 5)
    assert len(np.unique(np.concatenate([a, b]))) == 10
    alone = draws.split_keys(jax.random.split(KEY, 5)[3:], 2, 2)[1]
    np.testing.assert_array_equal(
        draws.uniform(alone, 2), draws.uniform(draws.split_keys(jax.random.split(KEY, 5), 5, 2)[1], 5)[3:]
    )


def test_alternatives_come_with_their_probabilities():
    drawn = np.asarray(draws.choice(KEY, (0.2, 0.0, 0.5, 0.3), 4000))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 4000, [0.2, 0, 0.5, 0.3], atol=0.03)


@pytest.mark.parametrize("images", [np.zeros((4, 4, 3), np.float32), np.zeros((1, 4, 4, 3), np.uint8)])
def test_what_is_no_batch_of_images_is_refused(images):
    with pytest.raises(ValueError, match=r"give float\[batch, height, width, channel\]"):
        draws.check_images(images)
