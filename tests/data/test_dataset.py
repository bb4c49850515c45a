import dataclasses
import hashlib
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.errors import UsageError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (37, 8, 8, 1), dtype=np.uint8)
LABELS = np.arange(37)
EVERYTHING = {"size": 6, "fit": "crop", "flip": True, "rotate": True, "dequantize": True}


@pytest.fixture(scope="module")
def plain():
    return data.from_arrays(IMAGES, LABELS)


@pytest.fixture(scope="module")
def augmented():
    return data.from_arrays(IMAGES, LABELS, data.Config(seed=5, **EVERYTHING))


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name], b[name])


def test_the_shapes_of_a_batch_are_known_without_it(plain, augmented):
    for dataset in (plain, augmented):
        assert dataset.shapes(5) == jax.eval_shape(lambda dataset=dataset: dataset.batch(0, 0, 5))


def test_a_batch_holds_images_and_their_labels(plain):
    batch = plain.batch(seed=0, step=3, size=16)
    assert batch["image"].dtype == jnp.float32
    assert batch["label"].dtype == jnp.int32
    np.testing.assert_array_equal(np.rint(batch["image"] * 255), IMAGES[batch["label"]])
    assert len(plain) == 37
    assert plain.image_shape == (8, 8, 1)


def test_an_epoch_of_batches_holds_every_image_once(plain):
    seen = np.concatenate([plain.batch(1, step, size=10)["label"] for step in range(37)])
    np.testing.assert_array_equal(np.bincount(seen), np.full(37, 10))
    for epoch in range(10):
        assert len(set(seen[37 * epoch : 37 * epoch + 37])) == 37


def test_a_batch_may_be_larger_than_the_set(plain):
    assert np.bincount(plain.batch(0, 0, size=74)["label"]).tolist() == [2] * 37


def test_a_batch_depends_on_seed_and_step_alone(augmented):
    first = augmented.batch(0, 3, size=16)
    augmented.batch(9, 9, size=16)
    same(first, augmented.batch(0, 3, size=16))
    same(first, data.from_arrays(IMAGES, LABELS, data.Config(**EVERYTHING)).batch(0, 3, size=16))
    for other in (augmented.batch(1, 3, size=16), augmented.batch(0, 4, size=16)):
        assert (np.asarray(first["image"]) != np.asarray(other["image"])).any()


PROGRAM = """
import hashlib, json, sys
import jaxgen.data
heavy = ["tensorflow", "tensorflow_datasets", "grain", "PIL", "sklearn", "skimage", "flax", "optax", "tyro"]
imported = [name for name in heavy if name in sys.modules]
import numpy as np
images = np.random.default_rng(0).integers(0, 256, (37, 8, 8, 1), dtype=np.uint8)
config = jaxgen.data.Config(size=6, fit="crop", flip=True, rotate=True, dequantize=True)
batch = jaxgen.data.from_arrays(images, np.arange(37), config).batch(0, 3, size=16)
digest = hashlib.sha256(np.asarray(batch["image"]).tobytes() + np.asarray(batch["label"]).tobytes()).hexdigest()
print(json.dumps({"imported": imported, "digest": digest}))
"""


def test_another_process_draws_the_same_bits_and_imports_nothing_heavy(augmented):
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    batch = augmented.batch(0, 3, size=16)
    digest = hashlib.sha256(np.asarray(batch["image"]).tobytes() + np.asarray(batch["label"]).tobytes()).hexdigest()
    assert json.loads(done.stdout) == {"imported": [], "digest": digest}


def test_a_feed_gives_the_batches_of_the_configurations_seed(augmented):
    feed = augmented.feed(batch=12)
    assert not feed.streamed
    payload = feed.fetch(7, 2)
    assert feed.fetch(9, 2) is payload
    for k in range(2):
        batch = jax.jit(feed.select)(payload, jnp.int32(7 + k), jnp.int32(k), jnp.arange(12, dtype=jnp.int32))
        same(batch, augmented.batch(5, 7 + k, size=12))


def test_devices_take_the_whole_batchs_shards(augmented):
    feed = augmented.feed(batch=12)
    select = jax.jit(feed.select)
    whole = select(feed.fetch(0, 1), jnp.int32(4), jnp.int32(0), jnp.arange(12, dtype=jnp.int32))
    # Two chunks over three devices: each device holds its part of both.
    for device in range(3):
        positions = np.array([6 * chunk + 2 * device + i for chunk in range(2) for i in range(2)], np.int32)
        part = select(feed.fetch(0, 1), jnp.int32(4), jnp.int32(0), positions)
        same(part, {name: x[positions] for name, x in whole.items()})


def test_steps_in_a_scan_and_under_vmap_are_the_same_steps(augmented):
    feed = augmented.feed(batch=6)
    payload, positions = feed.fetch(0, 4), jnp.arange(6, dtype=jnp.int32)
    one = lambda step: feed.select(payload, step, jnp.int32(0), positions)
    steps = jnp.arange(4, dtype=jnp.int32)
    scanned = jax.jit(lambda: jax.lax.scan(lambda carry, step: (carry, one(step)), 0, steps)[1])()
    mapped = jax.jit(jax.vmap(one))(steps)
    for k in range(4):
        expected = augmented.batch(5, k, size=6)
        same({name: x[k] for name, x in scanned.items()}, expected)
        same({name: x[k] for name, x in mapped.items()}, expected)


def test_images_stay_float32_where_double_precision_is_on(augmented):
    expected = augmented.batch(5, 2, size=6)
    with jax.enable_x64(True):
        feed = augmented.feed(batch=6)
        same(jax.jit(feed.select)(feed.fetch(0, 1), jnp.int32(2), jnp.int32(0), jnp.arange(6)), expected)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_no_images(plain, size):
    with pytest.raises(UsageError, match=f"a batch of {size} images: give 1 or more"):
        plain.feed(size)


def test_the_order_takes_no_loop(augmented, operations):
    feed = augmented.feed(12)
    names = operations(jax.make_jaxpr(feed.select)(feed.fetch(0, 1), 0, 0, jnp.arange(12, dtype=jnp.int32)))
    assert "while" not in names and "gather" in names


@pytest.mark.parametrize("memory", [1.0, 0.0])
def test_images_that_are_not_square_are_cropped_at_random(picture_folder, memory):
    config = data.Config(name="folder", dir=str(picture_folder), size=(6, 10), fit="crop", flip=True, memory=memory)
    loaded = data.load(config)
    assert loaded.image_shape == (6, 10, 3)
    whole = data.load(data.Config(name="folder", dir=str(picture_folder))).arrays["image"]
    crops = np.rint(np.asarray(loaded.batch(0, 1, 4)["image"]) * 255)
    for crop in crops:
        windows = np.lib.stride_tricks.sliding_window_view(whole[..., 0], (6, 10), (1, 2))
        assert any((windows == x).all((-1, -2)).any() for x in (crop[..., 0], crop[:, ::-1, 0]))
    with pytest.raises(UsageError, match="size 6 0: give two numbers of at least 1"):
        data.load(dataclasses.replace(config, size=(6, 0)))
