import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import filters
from jaxgen.filters import patches


def striped(period):
    """A picture of slanted stripes, whose every patch is found again elsewhere."""
    rows, columns = np.mgrid[:36, :40]
    wave = ((rows + columns) % period) / period
    return np.stack([wave, 1 - wave, wave**2], -1).astype(np.float32)


@pytest.fixture(scope="module")
def texture():
    return np.stack([striped(6), striped(8)])


@pytest.fixture(scope="module")
def mask():
    mask = np.zeros((2, 36, 40, 1), bool)
    mask[0, 12:21, 15:26] = True
    mask[1, :7, 30:] = True
    return mask


def test_a_texture_is_continued_exactly(texture, mask):
    damaged = np.where(mask, np.nan, texture)
    np.testing.assert_array_equal(filters.inpaint_patches(damaged, mask, 7), texture)


def test_an_edge_is_continued_into_the_hole():
    image = np.where(np.arange(36)[:, None, None] < 18, 0.2, 0.8) * np.ones((2, 36, 40, 3), np.float32)
    mask = np.zeros((2, 36, 40, 1))
    mask[:, 11:25, 14:26] = 1
    image = image.astype(np.float32)
    np.testing.assert_array_equal(filters.inpaint_patches(image, mask, 7), image)


def test_only_what_is_missing_changes_and_comes_from_the_picture(photograph, mask):
    images = np.stack([photograph[:36, :40], photograph[8:44, 12:]])
    filled = np.asarray(filters.inpaint_patches(images, mask, 7))
    np.testing.assert_array_equal(np.where(mask, 0, filled), np.where(mask, 0, images))
    for image, result, hole in zip(images, filled, mask[..., 0], strict=True):
        known = {tuple(colour) for colour in image[~hole]}
        assert all(tuple(colour) in known for colour in result[hole])


def test_the_mismatch_is_the_squared_difference_of_the_known_part(photograph):
    patch, known = photograph[3:8, 4:9], np.random.default_rng(0).uniform(size=(5, 5)) > 0.5
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (5, 5), axis=(0, 1))
    difference = ((windows - np.moveaxis(patch, -1, 0)) ** 2 * known).sum((-3, -2, -1))
    found = patches.mismatch(patches.transformed(jnp.asarray(photograph)), photograph.shape[:2], patch, known)
    np.testing.assert_allclose(found + (patch**2)[known].sum(), difference, atol=1e-4)


def test_priorities_near_a_filled_patch_are_those_of_the_whole_picture(photograph):
    hole = np.zeros((44, 52), bool)
    hole[12:30, 15:40] = True
    inside, size = np.ones_like(hole), 5
    known = (~hole).astype(np.float32)
    whole = jax.jit(patches.priorities, static_argnums=4)
    before = whole(photograph, hole, inside, known, size)
    later = hole.copy()
    later[10:15, 20:25] = False
    after = whole(photograph, later, inside, np.where(later != hole, 0.5, known), size)
    changed = np.argwhere(np.asarray(before != after))
    reach = size // 2 + 2
    assert changed.min(0)[1] >= 20 - reach
    assert changed.max(0)[1] < 25 + reach
    assert changed.max(0)[0] < 15 + reach


def test_the_data_term_is_that_of_the_edge_that_runs_into_the_hole():
    grey = np.zeros((16, 16), np.float32)
    grey[8:] = 1
    hole = np.zeros((16, 16), bool)
    hole[:, 9:] = True
    inside, data_term = np.ones_like(hole), jax.jit(patches.data_term, static_argnums=3)
    term = np.asarray(data_term(grey, hole, inside, 3))
    np.testing.assert_allclose(term[7:9, 9], 0.5)  # half of a step of 1: a central difference
    np.testing.assert_array_equal(term[1:6, 9], 0)
    along = np.asarray(data_term(grey.T, hole, inside, 3))
    np.testing.assert_array_equal(along[1:-1, 9], 0)


def test_what_does_not_fit_is_refused_in_one_line(texture, mask):
    with pytest.raises(ValueError, match="a window of size 6: give an odd number of pixels"):
        filters.inpaint_patches(texture, mask, 6)
    with pytest.raises(ValueError, match=r"patches of size 37 for images of shape .*: they must fit inside"):
        filters.inpaint_patches(texture, mask, 37)
    holes = np.zeros_like(mask)
    holes[:, ::5, ::5] = True
    with pytest.raises(ValueError, match="no patch of 7×7 pixels is completely known: give a smaller size"):
        filters.inpaint_patches(texture, holes, 7)
    filled = jax.jit(lambda x, m: filters.inpaint_patches(x, m, 7))(texture, holes)
    assert np.isnan(np.asarray(filled)[holes[..., 0]]).all()
