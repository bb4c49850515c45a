import numpy as np
import pytest

from jaxgen import filters


def test_what_is_missing_does_not_count_and_what_is_known_stays(pair, missing):
    damaged = np.where(missing > 0, np.nan, pair)
    filled = np.asarray(filters.inpaint_pull_push(damaged, missing))
    np.testing.assert_array_equal(filled, filters.inpaint_pull_push(pair, missing))
    np.testing.assert_array_equal(np.where(missing > 0, 0, filled), np.where(missing > 0, 0, pair))


def test_a_constant_is_filled_exactly_and_all_others_between_what_is_known(pair, missing):
    flat = np.full_like(pair, 0.3)
    np.testing.assert_allclose(filters.inpaint_pull_push(flat, missing), flat, atol=1e-6)
    filled = np.asarray(filters.inpaint_pull_push(pair, missing))
    assert filled.min() >= 0
    assert filled.max() <= 1


def test_a_single_pixel_is_what_its_block_and_its_neighbours_say():
    image, mask = np.zeros((1, 4, 4, 1), np.float32), np.zeros((1, 4, 4, 1), np.float32)
    image[0, :, 2:] = 1
    mask[0, 1, 1] = 1
    # Blocks of 2×2 are 0 and 1; between their centres the pixel is a quarter of the way.
    assert filters.inpaint_pull_push(image, mask, 1)[0, 1, 1, 0] == pytest.approx(0.25)


def test_a_ramp_is_nearly_kept(missing):
    ramp = np.broadcast_to(np.linspace(0.2, 0.8, 52, dtype=np.float32)[:, None], (2, 44, 52, 1))
    filled = np.asarray(filters.inpaint_pull_push(ramp, missing))
    assert abs(filled - ramp)[0].max() < 0.06


def test_a_hole_wider_than_the_coarsest_pixel_is_gray_in_its_middle():
    image, mask = np.ones((1, 64, 64, 1), np.float32), np.zeros((1, 64, 64, 1), np.float32)
    mask[0, 8:56, 8:56] = 1
    assert filters.inpaint_pull_push(image, mask, 2)[0, 32, 32, 0] == 0.5
    assert filters.inpaint_pull_push(image, mask, 5)[0, 32, 32, 0] == 1
    with pytest.raises(ValueError, match="levels 0: give at least 1"):
        filters.inpaint_pull_push(image, mask, 0)
