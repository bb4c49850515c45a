import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxgen.data import order

COUNTS = st.integers(1, 300)
SEEDS = st.integers(0, 2**32 - 1)


def on_device(seed, step, batch, count):
    epoch, place = order.locate(jnp.int32(step), jnp.arange(batch, dtype=jnp.int32), batch, count)
    return order.indices(place, jnp.uint32(seed), epoch, count)


compiled = jax.jit(on_device, static_argnums=(2, 3))


@settings(deadline=None, max_examples=60)
@given(COUNTS, SEEDS, st.integers(0, 2**33))
@example(1, 0, 0)
@example(256, 0, 2**32)
def test_every_image_once_an_epoch(count, seed, epoch):
    assert sorted(order.window(seed, epoch, 1, count, count)[0]) == list(range(count))


@settings(deadline=None, max_examples=20)
@given(st.integers(5, 300), SEEDS, st.integers(0, 2**31 - 1), st.integers(1, 400))
def test_a_window_is_that_part_of_the_epochs_it_crosses(count, seed, step, batch):
    whole = {}
    for g in range(step * batch, step * batch + batch):
        epoch, place = divmod(g, count)
        if epoch not in whole:
            whole[epoch] = order.window(seed, epoch, 1, count, count)[0]
        assert order.window(seed, step, 1, batch, count)[0][g - step * batch] == whole[epoch][place]


@pytest.mark.parametrize(("batch", "count"), [(64, 60_000), (7, 3), (1, 1), (640, 2**30), (333, 1_281_167)])
def test_device_and_host_agree_at_any_step(batch, count):
    for step in (0, 1, 937, 938, 10**6, 2**30 + 12_345, 2**31 - 1):
        for seed in (0, 1, 2**32 - 1):
            np.testing.assert_array_equal(
                compiled(jnp.uint32(seed), step, batch, count), order.window(seed, step, 1, batch, count)[0]
            )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31 - 1))
@example(2**31 - 1)
@example(0)
def test_location_does_not_overflow(step):
    batch, count = 5 * 4096, 1_000_003
    positions = np.array([0, 1, 4095, batch - 1], np.int32)
    epoch, place = jax.jit(order.locate, static_argnums=(2, 3))(jnp.int32(step), positions, batch, count)
    expected = [divmod(step * batch + int(p), count) for p in positions]
    assert [(int(e), int(p)) for e, p in zip(epoch, place, strict=True)] == [(e % 2**32, p) for e, p in expected]


def test_orders_of_few_images_are_equally_likely():
    epochs, count = 24_000, 4
    seen = order.window(5, 0, epochs, count, count)
    for permutation in itertools.permutations(range(count)):
        occurrences = (seen == permutation).all(1).sum()
        assert abs(occurrences - 1000) < 6 * np.sqrt(1000)


def test_order_looks_random():
    count = 10_000
    first, second = order.window(0, 0, 2, count, count)
    other_seed = order.window(1, 0, 1, count, count)[0]
    pairs = [(first[:-1], first[1:]), (first, np.arange(count)), (first, second), (first, other_seed)]
    for a, b in pairs:
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(count)
        assert (a == b).sum() < 10


def test_steps_of_a_window_follow_each_other():
    together = order.window(3, 10, 4, 16, 50)
    apart = np.concatenate([order.window(3, step, 1, 16, 50) for step in range(10, 14)])
    np.testing.assert_array_equal(together, apart)


def test_more_images_than_can_be_ordered():
    with pytest.raises(ValueError, match="cannot be ordered"):
        order.locate(jnp.int32(0), jnp.arange(4), 4, 2**30 + 1)
