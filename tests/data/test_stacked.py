import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.data import order
from jaxgen.errors import UsageError

COUNT = 60  # six images of each digit


def save(folder, **changes):
    """An archive of digits whose every pixel is the number of its image."""
    index = np.arange(COUNT, dtype=np.uint8)
    image = np.broadcast_to(index[:, None, None, None], (COUNT, 4, 4, 1))
    path = folder / "digits.npz"
    np.savez(path, **({"image": image, "label": index % 10, "test_image": image, "test_label": index % 10} | changes))
    return str(path)


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    path = save(tmp_path_factory.mktemp("stacked"))
    return data.load(data.Config(name="stacked_mnist", dir=path, classes=1000, seed=3))


def drawn(batch):
    """Which of the digits each channel of each image is."""
    images = np.rint(np.asarray(batch["image"]) * 255).astype(int)
    np.testing.assert_array_equal(images, images[:, :1, :1].repeat(4, 1).repeat(4, 2))
    return images[:, 0, 0]


def same(a, b):
    for name in ("image", "label"):
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name], b[name])


def test_labels_are_the_digits_of_the_channels(stacked):
    batch = stacked.batch(0, 5, size=32)
    assert batch["image"].shape == (32, 4, 4, 3)
    assert stacked.image_shape == (4, 4, 3)
    assert batch["label"].dtype == jnp.int32
    np.testing.assert_array_equal(batch["label"], drawn(batch) % 10 @ [100, 10, 1])
    assert len(set(batch["label"].tolist())) > 20


def test_gray_digits_are_all_that_is_held(stacked):
    assert stacked.arrays["image"].shape == (COUNT, 4, 4, 1)
    assert stacked.arrays["image"].dtype == np.uint8
    assert len(stacked) == COUNT


def test_every_channel_holds_every_digit_once_an_epoch_in_an_order_of_its_own(stacked):
    channels = np.concatenate([drawn(stacked.batch(7, step, size=20)) for step in range(6)])
    for epoch in (channels[:COUNT], channels[COUNT:]):
        assert (np.sort(epoch, 0) == np.arange(COUNT)[:, None]).all()
        for a, b in [(0, 1), (0, 2), (1, 2)]:
            assert (epoch[:, a] == epoch[:, b]).sum() < 8
    assert (channels[:COUNT] != channels[COUNT:]).any(0).all()
    np.testing.assert_array_equal(channels[:, 0], order.window(7, 0, 6, 20, COUNT).ravel())


def test_modes_are_equally_likely(stacked):
    draws = 100_000
    counts = np.bincount(stacked.batch(0, 0, size=draws)["label"], minlength=1000)
    assert counts.size == 1000
    chi_squared = ((counts - draws / 1000) ** 2 / (draws / 1000)).sum()
    # 973 degrees of freedom, as each channel's digits are exactly as frequent as in the set.
    assert abs(chi_squared - 973) < 6 * np.sqrt(2 * 973)


def test_a_batch_depends_on_seed_and_step_alone(stacked):
    first = stacked.batch(0, 3, size=16)
    stacked.batch(9, 9, size=16)
    same(first, stacked.batch(0, 3, size=16))
    for other in (stacked.batch(1, 3, size=16), stacked.batch(0, 4, size=16)):
        assert ((drawn(other) != drawn(first)).sum(0) > 8).all()


def test_devices_scans_and_populations_take_the_same_examples(stacked):
    feed = stacked.feed(batch=12)
    payload, select = feed.fetch(0, 1), jax.jit(feed.select)
    expected = stacked.batch(3, 4, size=12)
    for devices in (2, 3):
        for device in range(devices):
            positions = np.arange(12, dtype=np.int32).reshape(devices, -1)[device]
            part = select(payload, jnp.int32(4), jnp.int32(0), positions)
            same(part, {name: x[positions] for name, x in expected.items()})
    one = lambda step: feed.select(payload, step, jnp.int32(0), jnp.arange(12, dtype=jnp.int32))
    for together in (
        jax.jit(lambda steps: jax.lax.scan(lambda carry, step: (carry, one(step)), 0, steps)[1]),
        jax.jit(jax.vmap(one)),
    ):
        same(jax.tree.map(lambda x: x[1], together(jnp.arange(3, 6, dtype=jnp.int32))), expected)


def test_digits_may_come_in_another_size(tmp_path):
    path = save(tmp_path)
    loaded = data.load(data.Config(name="stacked_mnist", dir=path, size=8, channels=3, split="test"))
    assert loaded.image_shape == loaded.batch(0, 0, 2)["image"].shape[1:] == (8, 8, 3)


def test_digits_of_tfds(shared_tfds):
    loaded = data.load(data.Config(name="stacked_mnist", dir=shared_tfds, split="test"))
    batch = loaded.batch(0, 0, size=64)
    gray = data.load(data.Config(name="mnist", dir=shared_tfds, split="test")).batch(0, 0, size=64)
    np.testing.assert_array_equal(batch["image"][..., 0], gray["image"][..., 0])
    np.testing.assert_array_equal(batch["label"] // 100, gray["label"])


@pytest.mark.parametrize(
    ("fields", "arrays", "message"),
    [
        ({"channels": 1}, {}, "channels 1: stacked_mnist has 3"),
        ({"classes": 10}, {}, "classes 10: stacked_mnist has 1000"),
        (
            {},
            {"label": np.full(COUNT, 10)},
            "stacked_mnist is composed of the digits in an .npz file: image 0 has label",
        ),
        (
            {},
            {"image": np.zeros((COUNT, 4, 4, 3), np.uint8)},
            "is composed of gray digits: those of .* have 3 channels",
        ),
        ({"split": "tset"}, {}, "unknown split 'tset'"),
    ],
)
def test_what_is_not_stacked_digits(tmp_path, fields, arrays, message):
    with pytest.raises(UsageError, match=message):
        data.load(data.Config(name="stacked_mnist", dir=save(tmp_path, **arrays), **fields))


def test_digits_without_labels_and_without_a_file(tmp_path):
    path = tmp_path / "digits.npz"
    with pytest.raises(UsageError, match=r"the digits in an .npz file: no .npz file at"):
        data.load(data.Config(name="stacked_mnist", dir=str(path)))
    np.savez(path, image=np.zeros((20, 4, 4, 1), np.uint8))
    with pytest.raises(UsageError, match="has no labels"):
        data.load(data.Config(name="stacked_mnist", dir=str(path)))
    with pytest.raises(UsageError, match=r"TFDS's mnist \(dir is its data folder, or .*\): no folder"):
        data.load(data.Config(name="stacked_mnist", dir=str(tmp_path / "absent")))


def test_digits_that_are_not_to_be_held_in_memory(shared_tfds):
    with pytest.raises(UsageError, match="memory 0 GiB does not hold the digits"):
        data.load(data.Config(name="stacked_mnist", dir=shared_tfds, split="test", memory=0))
