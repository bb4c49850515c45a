import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.data import transforms
from jaxgen.errors import UsageError

N = 4096
DRAWS = transforms.example_draws(jnp.uint32(0), jnp.zeros(N, jnp.uint32), jnp.arange(N, dtype=jnp.uint32))


def apply(images, **config):
    return np.asarray(transforms.apply(jnp.asarray(images), DRAWS[: len(images)], data.Config(**config)))


def test_grey_levels_come_to_the_unit_interval():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    image = apply(ramp)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, ramp / 255, rtol=2e-7)
    assert image.min() == 0
    assert image.max() == 1


def test_half_of_the_images_are_flipped():
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)
    out = np.rint(apply(np.repeat(image, N, 0), flip=True) * 255)
    flipped = (out == image[:, :, ::-1]).all((1, 2, 3))
    assert ((out == image).all((1, 2, 3)) ^ flipped).all()
    assert abs(flipped.sum() - N / 2) < 5 * np.sqrt(N / 4)


def test_every_quarter_turn_is_as_likely():
    image = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
    out = np.rint(apply(np.repeat(image, N, 0), rotate=True) * 255)
    turned = np.stack([(out == np.rot90(image, k, (1, 2))).all((1, 2, 3)) for k in range(4)])
    assert (turned.sum(0) == 1).all()
    assert (abs(turned.sum(1) - N / 4) < 5 * np.sqrt(N / 4)).all()


def test_flips_and_turns_are_drawn_apart():
    image = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
    out = np.rint(apply(np.repeat(image, N, 0), rotate=True, flip=True) * 255)
    counts = np.unique(out.reshape(N, 9), axis=0, return_counts=True)[1]
    assert len(counts) == 8
    assert (abs(counts - N / 8) < 5 * np.sqrt(N / 8)).all()


def test_only_square_images_can_be_rotated():
    with pytest.raises(UsageError, match=r"data\.rotate on images of 2x3: it needs square ones; give data.size"):
        apply(np.zeros((1, 2, 3, 1), np.uint8), rotate=True)


def test_every_window_is_as_likely():
    size, height, width = 3, 5, 6
    image = np.arange(height * width, dtype=np.uint8).reshape(1, height, width, 1)
    out = np.rint(apply(np.repeat(image, N, 0), size=size, fit="crop") * 255).astype(int)
    corner = out[:, 0, 0, 0]
    inside = np.add.outer(width * np.arange(size), np.arange(size))
    np.testing.assert_array_equal(out[..., 0], corner[:, None, None] + inside)
    windows = (height - size + 1) * (width - size + 1)
    counts = np.unique(corner, return_counts=True)[1]
    assert len(counts) == windows
    assert (abs(counts - N / windows) < 5 * np.sqrt(N / windows)).all()


def test_dequantisation_fills_each_grey_level_evenly():
    levels = np.array([0, 7, 255], np.uint8)
    out = apply(np.tile(levels[:, None, None, None], (1, 64, 64, 1)), dequantize=True) * 256
    noise = out - levels[:, None, None, None]
    assert noise.min() >= 0
    assert noise.max() <= 1
    np.testing.assert_allclose(noise.mean((1, 2, 3)), 1 / 2, atol=5 / np.sqrt(12 * 4096))
    np.testing.assert_allclose(noise.var((1, 2, 3)), 1 / 12, atol=0.01)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 5 / 64


@pytest.mark.parametrize("other", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_draws_differ_by_seed_epoch_and_place(other):
    words = lambda seed, epoch, place: int(
        transforms.example_draws(jnp.uint32(seed), jnp.array([epoch], jnp.uint32), jnp.array([place], jnp.uint32))[0]
    )
    assert words(0, 0, 0) != words(*other)
