import jax
import numpy as np
import pytest

from jaxgen.losses.segmentation import dice

SURE = 40.0
compiled = jax.jit(dice)


def mask(*rows):
    return np.float32(rows)[:, :, None, None]


def test_it_counts_what_two_masks_share():
    truth, found = mask([1, 1, 0, 0], [0, 0, 0, 0]), mask([1, 0, 1, 0], [0, 0, 0, 0])
    lost = compiled(SURE * (2 * found - 1), truth, smooth=1e-6)
    np.testing.assert_allclose(lost, [1 - 2 * 1 / (2 + 2), 0], atol=1e-5)


def test_smoothing_is_added_to_both_sides():
    truth, found = mask([1, 0]), mask([0, 1])
    np.testing.assert_allclose(compiled(SURE * (2 * found - 1), truth, smooth=3.0), [1 - 3 / 5], atol=1e-6)


def test_the_gradient_points_to_the_mask_where_a_cross_entropy_hardly_does(computed):
    truth = np.zeros((1, 64, 64, 1), np.float32)
    truth[0, 0, 0] = 1
    slope = computed(jax.grad(lambda logits: dice(logits, truth).sum()), np.full(truth.shape, -6, np.float32))
    assert slope[0, 0, 0, 0] < 0
    assert (slope.ravel()[1:] > 0).all()


def test_masks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="differ"):
        dice(np.zeros((1, 4, 4, 1), np.float32), np.zeros((1, 4, 4), np.float32))
