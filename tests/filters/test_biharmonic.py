import jax
import numpy as np
import pytest
import skimage.restoration

from jaxgen import filters


@pytest.fixture(scope="module")
def mask():
    """A scratch and a hole in the first image, a hole at the corner and dust in the second."""
    mask = np.zeros((2, 44, 52, 1), bool)
    mask[0, 5:38, 20:22] = mask[0, 20:29, 33:41] = True
    mask[1, :6, :5] = True
    mask[1, ::9, ::7] = True
    return mask


inpaint = jax.jit(filters.inpaint_biharmonic)


def test_it_agrees_with_scikit_image(pair, mask):
    expected = [
        skimage.restoration.inpaint_biharmonic(image.astype(float), hole[..., 0], channel_axis=-1)
        for image, hole in zip(pair, mask, strict=True)
    ]
    np.testing.assert_allclose(inpaint(pair, mask), expected, atol=5e-4)


def test_what_is_missing_does_not_count_and_what_is_known_stays(pair, mask):
    damaged = np.where(mask, np.nan, pair)
    filled = np.asarray(inpaint(damaged, mask))
    np.testing.assert_array_equal(filled, inpaint(pair, mask))
    np.testing.assert_array_equal(np.where(mask, 0, filled), np.where(mask, 0, pair))


def test_a_plane_is_filled_exactly(mask):
    rows, columns = np.mgrid[:44, :52]
    plane = np.repeat((0.2 + 0.005 * rows + 0.008 * columns)[None, ..., None], 2, 0).astype(np.float32)
    inside = mask.copy()
    inside[:, [0, 1, -2, -1]] = inside[:, :, [0, 1, -2, -1]] = inside[1] = False
    np.testing.assert_allclose(inpaint(plane, inside), plane, atol=2e-4)


def test_nothing_missing_is_nothing_changed(pair, mask):
    np.testing.assert_array_equal(inpaint(pair, np.zeros_like(mask)), pair)


def test_nothing_known_is_an_error_and_under_jit_no_number(pair, mask):
    everything = mask | np.array([False, True])[:, None, None, None]
    with pytest.raises(ValueError, match="the mask of image 1 leaves no known pixel"):
        filters.inpaint_biharmonic(pair, everything)
    filled = np.asarray(inpaint(pair, everything))
    assert np.isnan(filled[1]).all()
    assert np.isfinite(filled[0]).all()
