import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxgen.data import order

GOLDEN = [835, 123, 563, 983, 526, 422, 172, 928]
COUNTS = st.integers(1, 300)
SEEDS = st.integers(0, 2**32 - 1)


def on_device(seed, step, batch, count):
    epoch, position = order.locate(jnp.int32(step), jnp.arange(batch, dtype=jnp.int32), batch, count)
    return order.permute(position, jnp.uint32(seed), epoch, count)


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
    whole, part = {}, order.window(seed, step, 1, batch, count)[0]
    for g in range(step * batch, step * batch + batch):
        epoch, position = divmod(g, count)
        if epoch not in whole:
            whole[epoch] = order.window(seed, epoch, 1, count, count)[0]
        assert part[g - step * batch] == whole[epoch][position]


@pytest.mark.parametrize(("batch", "count"), [(64, 60_000), (7, 3), (1, 1), (640, 2**31), (333, 1_281_167)])
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
    epoch, position = jax.jit(order.locate, static_argnums=(2, 3))(jnp.int32(step), positions, batch, count)
    expected = [divmod(step * batch + int(p), count) for p in positions]
    assert [(int(e), int(p)) for e, p in zip(epoch, position, strict=True)] == [(e % 2**32, p) for e, p in expected]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_orders_of_few_images_are_equally_likely(count):
    orders, expected = math.factorial(count), 200
    seen = order.window(5, 0, orders * expected, count, count)
    _, occurrences = np.unique(seen @ count ** np.arange(count), return_counts=True)
    assert len(occurrences) == orders
    # Pearson's statistic has mean and half its variance equal to the degrees of freedom.
    statistic = ((occurrences - expected) ** 2 / expected).sum()
    assert abs(statistic - (orders - 1)) < 5 * np.sqrt(2 * (orders - 1))


@pytest.mark.parametrize("count", [11, 97])
def test_every_image_comes_equally_often_at_every_position(count):
    epochs = 10_000
    seen = order.window(9, 0, epochs, count, count)
    occurrences = np.stack([np.bincount(column, minlength=count) for column in seen.T])
    assert np.abs(occurrences - epochs / count).max() < 6 * np.sqrt(epochs / count)


@pytest.mark.parametrize("count", [10_000, 10_007, 3_981_312])
def test_order_looks_random(count):
    part = min(count, 20_000)
    seen = [order.window(seed, first, 1, part, count)[0] for seed, first in ((0, 0), (0, 1), (1, 0))]
    second_epoch = order.window(0, -(-count // part), 1, part, count)[0]
    first, next_step, other_seed = seen
    pairs = [(first[:-1], first[1:]), (first, np.arange(part)), (first, next_step), (first, second_epoch)]
    for a, b in [*pairs, (first, other_seed)]:
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(part)
        assert (a == b).sum() < 10
    # Neighbours in the order are not neighbours in the data.
    assert (np.abs(np.diff(first)) == 1).sum() < 12


def test_the_order_has_its_version():
    """Whoever changes these numbers raises `ORDER_VERSION`, so that no run is resumed in another order."""
    assert order.ORDER_VERSION == 2
    assert order.window(7, 3, 1, 8, 1000)[0].tolist() == GOLDEN


def test_steps_of_a_window_follow_each_other():
    together = order.window(3, 10, 4, 16, 50)
    apart = np.concatenate([order.window(3, step, 1, 16, 50) for step in range(10, 14)])
    np.testing.assert_array_equal(together, apart)


def test_more_images_than_can_be_ordered():
    with pytest.raises(ValueError, match="cannot be ordered"):
        order.locate(jnp.int32(0), jnp.arange(4), 4, 2**31 + 1)
