import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.data.records import Fitted
from jaxgen.data.streaming import Stream
from jaxgen.errors import UsageError


@pytest.fixture(scope="module")
def config(picture_folder):
    return data.Config(name="folder", dir=str(picture_folder), seed=3, size=10, channels=1, flip=True, dequantize=True)


@pytest.fixture(scope="module")
def in_memory(config):
    return data.load(config)


@pytest.fixture(scope="module")
def streamed(config):
    return data.load(dataclasses.replace(config, memory=0))


def test_a_set_above_the_limit_is_not_held(in_memory, streamed):
    assert in_memory.records is None
    assert streamed.arrays == {}
    assert len(streamed) == len(in_memory) == 19
    assert streamed.image_shape == in_memory.image_shape == (10, 10, 1)


def test_streamed_batches_have_the_bits_of_those_in_memory(in_memory, streamed):
    for step in (0, 5, 2**31 - 1):
        batch, expected = (held.batch(7, step, size=8) for held in (streamed, in_memory))
        np.testing.assert_array_equal(batch["image"], expected["image"])


def test_payloads_of_several_steps_forwards_and_from_anywhere(in_memory, streamed):
    feed = streamed.feed(batch=8)
    select = jax.jit(feed.select)
    positions = jnp.arange(8, dtype=jnp.int32)
    assert feed.streamed
    for first_step, steps in [(0, 2), (2, 2), (4, 3), (100, 1), (1, 2)]:
        payload = feed.fetch(first_step, steps)
        assert payload["image"].shape == (steps, 8, 10, 10, 1)
        for k in range(steps):
            images = select(payload, jnp.int32(first_step + k), jnp.int32(k), positions)["image"]
            np.testing.assert_array_equal(images, in_memory.batch(3, first_step + k, size=8)["image"])


def test_a_device_that_holds_its_part_of_the_payload_finds_it(in_memory, streamed):
    feed = streamed.feed(batch=8)
    payload = feed.fetch(6, 1)
    positions = np.array([2, 3, 6, 7], np.int32)
    part = {name: x[:, positions] for name, x in payload.items()}
    images = jax.jit(feed.select)(part, jnp.int32(6), jnp.int32(0), positions)["image"]
    np.testing.assert_array_equal(images, in_memory.batch(3, 6, size=8)["image"][positions])


class Failing:
    """Records whose fifth image cannot be read until it is repaired."""

    broken = True

    def __len__(self):
        return 6

    def describe(self, index):
        return f"picture {index}"

    def read(self, indices):
        if self.broken and 4 in indices:
            raise UsageError("cannot read picture 4")
        return [{"image": np.full((2, 2, 1), index, np.uint8)} for index in indices]


def test_an_image_that_cannot_be_read_is_named_and_does_not_shift_the_others():
    records = Failing()
    stream = Stream(records, seed=0, batch=6)
    with pytest.raises(UsageError, match="cannot read picture 4"):
        stream.fetch(0, 1)
    records.broken = False
    again = stream.fetch(0, 1)["image"]
    np.testing.assert_array_equal(again, Stream(records, seed=0, batch=6).fetch(0, 1)["image"])


class Shapes:
    """One record of each shape."""

    def __init__(self, *shapes):
        self.shapes = shapes

    def __len__(self):
        return len(self.shapes)

    def describe(self, index):
        return f"picture {index}"

    def read(self, indices):
        return [{"image": np.zeros(self.shapes[index], np.uint8)} for index in indices]


@pytest.mark.parametrize(
    ("shapes", "config", "message"),
    [
        (((4, 5, 3), (5, 4, 3)), {}, "picture 1 is 5x4x3 and picture 0 is 4x5x3: give a size"),
        (((4, 5, 3), (4, 5, 1)), {"size": 4}, "picture 1 is 4x4x1 and picture 0 is 4x4x3: give a size, and channels"),
        (((4, 5, 3), (3, 9, 3)), {"size": 4, "fit": "crop"}, "picture 1: an image of 3x9 is smaller"),
    ],
)
def test_records_that_do_not_come_to_one_shape(shapes, config, message):
    fitted = Fitted(Shapes(*shapes), np.arange(2), data.Config(**config))
    with pytest.raises(UsageError, match=message):
        fitted.read([0, 1])


def test_records_of_different_shapes_are_brought_to_one():
    fitted = Fitted(Shapes((4, 5, 3), (9, 9, 1), (20, 2, 3)), np.array([2, 0, 1]), data.Config(size=6, channels=3))
    assert [example["image"].shape for example in fitted.read([0, 1, 2])] == [(6, 6, 3)] * 3
