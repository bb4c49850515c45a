import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from jaxgen.metrics.image import psnr
from jaxgen.metrics.masked import (
    MASKED_METRICS,
    gradient_distance,
    mask_iou,
    mask_precision,
    mask_recall,
    masked_psnr,
)

GENERATOR = np.random.default_rng(0)
REFERENCE, IMAGE = GENERATOR.random((2, 3, 8, 9, 3), np.float32)
MASK = (GENERATOR.random((3, 8, 9, 1)) < 0.4).astype(np.float32)


def test_only_masked_pixels_count():
    expected = [
        -10 * np.log10(((REFERENCE[i] - IMAGE[i])[MASK[i, ..., 0] > 0].astype(np.float64) ** 2).mean())
        for i in range(3)
    ]
    np.testing.assert_allclose(masked_psnr(REFERENCE, IMAGE, MASK), expected, rtol=1e-5)
    changed = np.where(MASK > 0, IMAGE, 7.0)
    np.testing.assert_allclose(masked_psnr(REFERENCE, changed, MASK), expected, rtol=1e-5)


def test_a_full_mask_gives_psnr_and_an_empty_mask_nan():
    np.testing.assert_allclose(masked_psnr(REFERENCE, IMAGE, np.ones_like(MASK)), psnr(REFERENCE, IMAGE), rtol=1e-5)
    assert np.isnan(masked_psnr(REFERENCE, IMAGE, np.zeros_like(MASK))).all()


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_mask_iou_of_intervals(begin, length, shift):
    line = np.arange(100)
    first, second = ((line >= start) & (line < start + length) for start in (begin, begin + shift))
    both = max(length - shift, 0)
    expected = both / (2 * length - both) if length else 1.0
    iou = mask_iou(*(mask.astype(np.float32).reshape(1, 10, 10, 1) for mask in (first, second)))
    assert float(iou[0]) == pytest.approx(expected, rel=1e-6)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="give one of their height and width with one channel"):
        masked_psnr(REFERENCE, IMAGE, MASK[..., 0])
    with pytest.raises(ValueError, match=r"images of int\d+: give floating point in \[0, 1\], or max_value=255"):
        masked_psnr(REFERENCE.astype(int), IMAGE, MASK)
    with pytest.raises(ValueError, match="give two of equal shape"):
        mask_iou(MASK, jnp.zeros((3, 8, 8, 1)))
    with pytest.raises(ValueError, match="give one of their height and width with one channel"):
        gradient_distance(REFERENCE, IMAGE, MASK[:, :4])
    with pytest.raises(ValueError, match="give two of equal shape"):
        mask_recall(MASK, jnp.zeros((3, 8, 8, 1)))


def test_the_gradient_distance_is_scipys_wasserstein_distance_of_the_magnitudes():
    def magnitudes(image, mask):
        rows, columns = (np.diff(image, axis=axis, append=np.take(image, [-1], axis)) for axis in (0, 1))
        return np.sqrt((rows**2 + columns**2).mean(-1))[mask[..., 0] > 0.5]

    expected = [
        wasserstein_distance(*(magnitudes(x[i].astype(np.float64), MASK[i]) for x in (REFERENCE, IMAGE)))
        for i in range(3)
    ]
    assert min(expected) > 0.01
    np.testing.assert_allclose(gradient_distance(REFERENCE, IMAGE, MASK), expected, rtol=1e-4)


def test_the_gradient_distance_sees_blur_and_noise_under_the_mask_alone():
    step = np.zeros((1, 16, 16, 1), np.float32)
    step[:, :, 8:] = 1
    mask = np.zeros_like(step)
    mask[:, 4:12, 4:12] = 1
    flat = np.where(mask > 0, 0.5, step)
    assert gradient_distance(step, flat, mask)[0] > 0.05
    np.testing.assert_array_equal(gradient_distance(step, step, mask), 0)
    # A far change, whose gradients are not those of pixels under the mask.
    outside = step.copy()
    outside[:, 0] = 0.3
    np.testing.assert_array_equal(gradient_distance(step, outside, mask), 0)
    # The same edge elsewhere has the same statistics.
    moved = np.roll(step, 2, 2)
    np.testing.assert_allclose(gradient_distance(step, moved, mask), 0, atol=1e-7)
    assert np.isnan(gradient_distance(step, flat, 0 * mask)).all()
    unit = MASKED_METRICS["gradient_distance"].function(step, flat, mask)
    np.testing.assert_allclose(unit, 255 * gradient_distance(step, flat, mask), rtol=1e-6)


def test_precision_and_recall_are_those_of_scikit_learn():
    from sklearn.metrics import precision_score, recall_score

    found = (GENERATOR.random(MASK.shape) < 0.3).astype(np.float32)
    for i in range(3):
        pair = MASK[i].ravel() > 0.5, found[i].ravel() > 0.5
        assert float(mask_precision(MASK, found)[i]) == pytest.approx(precision_score(*pair), rel=1e-6)
        assert float(mask_recall(MASK, found)[i]) == pytest.approx(recall_score(*pair), rel=1e-6)
    empty = np.zeros_like(MASK)
    assert np.isnan(mask_precision(MASK, empty)).all()
    assert np.isnan(mask_recall(empty, MASK)).all()
    assert (mask_recall(MASK, empty) == 0).all() and (mask_precision(empty, MASK) == 0).all()
