import jax
import numpy as np
import pytest

from jaxgen import keys
from jaxgen.training.randomness import example_keys


def bits(key):
    return np.asarray(jax.random.key_data(key))


def test_one_key_becomes_one_for_each_example_whatever_their_number():
    few, many = keys.per_example(jax.random.key(0), 3), keys.per_example(jax.random.key(0), 8)
    np.testing.assert_array_equal(bits(few), bits(many)[:3])
    assert len(np.unique(bits(many), axis=0)) == 8


def test_agrees_with_the_keys_a_step_hands_out():
    key = jax.random.key(5)
    np.testing.assert_array_equal(bits(keys.per_example(key, 4)), bits(example_keys(key, 4)))


def test_keys_for_each_example_pass_through():
    given = jax.random.split(jax.random.key(1), 4)
    np.testing.assert_array_equal(bits(keys.per_example(given, 4)), bits(given))


def test_older_keys_mean_the_same():
    new, old = jax.random.key(3), jax.random.PRNGKey(3)
    np.testing.assert_array_equal(bits(keys.per_example(old, 4)), bits(keys.per_example(new, 4)))
    old_keys = jax.random.split(old, 4)
    np.testing.assert_array_equal(bits(keys.per_example(old_keys, 4)), np.asarray(old_keys))


def test_a_seed_is_no_key():
    with pytest.raises(ValueError, match=r"a key of type int: give jax.random.key\(seed\)"):
        keys.per_example(0, 4)


def test_a_wrong_number_of_keys_is_refused():
    with pytest.raises(ValueError, match="for 4 examples: give one key, or one for each example"):
        keys.per_example(jax.random.split(jax.random.key(0), 3), 4)
