import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.data import Config, resample
from jaxgen.errors import UsageError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (5, 12, 12, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [5, 6, 12, 17, 24])
def test_resize_is_antialiased_cubic_convolution(size):
    expected = jax.image.resize(IMAGES.astype(np.float32), (5, size, size, 3), "cubic", antialias=True)
    expected = np.clip(np.asarray(expected), 0, 255)
    assert abs(resample.resize(IMAGES, size, size) - expected).max() <= 0.5 + 1e-3


def test_resize_keeps_flat_images_flat_and_the_middle_in_the_middle():
    assert (resample.resize(np.full((1, 8, 8, 1), 77, np.uint8), 32, 32) == 77).all()
    np.testing.assert_array_equal(
        resample.resize(IMAGES, 19, 19)[:, ::-1, ::-1], resample.resize(IMAGES[:, ::-1, ::-1], 19, 19)
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 20), st.integers(3, 20), st.integers(1, 25), st.sampled_from(["resize", "pad"]))
def test_an_image_has_the_same_bits_alone_and_among_others(height, width, size, fit):
    images = np.random.default_rng(height).integers(0, 256, (4, height, width, 3), dtype=np.uint8)
    config = Config(size=max(size, height, width) if fit == "pad" else size, channels=1, fit=fit)
    together = resample.fit(images, config)
    alone = np.concatenate([resample.fit(images[i : i + 1], config) for i in range(4)])
    assert together.shape == (4, config.size, config.size, 1)
    np.testing.assert_array_equal(together, alone)


def test_slabs_change_nothing(monkeypatch):
    config = Config(size=9, channels=1)
    whole = resample.fit(IMAGES, config)
    monkeypatch.setattr(resample, "SLAB", 2 * IMAGES[0].size)
    np.testing.assert_array_equal(resample.fit(IMAGES, config), whole)


def test_what_is_not_square_loses_its_ends():
    wide = RANDOM.integers(0, 256, (2, 6, 10, 1), dtype=np.uint8)
    np.testing.assert_array_equal(resample.fit(wide, Config(size=6)), wide[:, :, 2:8])
    tall = wide.swapaxes(1, 2)
    np.testing.assert_array_equal(resample.fit(tall, Config(size=6)), tall[:, 2:8])


def test_pad_is_black_around_the_middle():
    out = resample.fit(IMAGES, Config(size=16, fit="pad"))
    np.testing.assert_array_equal(out[:, 2:14, 2:14], IMAGES)
    assert out.sum(dtype=int) == IMAGES.sum(dtype=int)


def test_crop_stores_the_whole_image():
    np.testing.assert_array_equal(resample.fit(IMAGES, Config(size=8, fit="crop")), IMAGES)


def test_grey_is_full_range_luma_and_colour_is_grey_three_times():
    grey = resample.convert_channels(IMAGES, 1)
    expected = IMAGES @ np.array([0.299, 0.587, 0.114])
    assert abs(grey[..., 0] - expected).max() <= 0.5 + 1e-4
    assert resample.convert_channels(np.full((1, 2, 2, 3), 255, np.uint8), 1).min() == 255
    np.testing.assert_array_equal(resample.convert_channels(grey, 3), np.repeat(grey, 3, -1))


@pytest.mark.parametrize(
    ("shape", "config", "message"),
    [
        ((1, 30, 20, 1), {"size": 24, "fit": "pad"}, "30x20 cannot be padded to 24x24"),
        ((1, 30, 20, 1), {"size": 24, "fit": "crop"}, "30x20 is smaller than the crop of 24x24"),
        ((1, 8, 8, 4), {"channels": 3}, "4 channels cannot become 3"),
    ],
)
def test_images_that_do_not_fit(shape, config, message):
    with pytest.raises(UsageError, match=message):
        resample.fit(np.zeros(shape, np.uint8), Config(**config))


def test_images_that_are_not_square_are_cropped_to_their_shape_resized_and_padded():
    images = np.arange(2 * 8 * 12, dtype=np.uint8).reshape(2, 8, 12, 1)
    np.testing.assert_array_equal(resample.fit(images, Config(size=(8, 6))), images[:, :, 3:9])
    np.testing.assert_array_equal(resample.fit(images, Config(size=(2, 12))), images[:, 3:5])
    small = resample.fit(images, Config(size=(4, 6)))
    np.testing.assert_array_equal(small, resample.resize(images, 4, 6))
    padded = resample.fit(images, Config(size=(10, 12), fit="pad"))
    np.testing.assert_array_equal(padded[:, 1:9], images)
    assert padded[:, [0, 9]].max() == 0
    with pytest.raises(UsageError, match="an image of 8x12 cannot be padded to 9x11"):
        resample.fit(images, Config(size=(9, 11), fit="pad"))
    with pytest.raises(UsageError, match="an image of 8x12 is smaller than the crop of 4x13"):
        resample.fit(images, Config(size=(4, 13), fit="crop"))
    # Two equal numbers are one.
    np.testing.assert_array_equal(resample.fit(images, Config(size=(5, 5))), resample.fit(images, Config(size=5)))
