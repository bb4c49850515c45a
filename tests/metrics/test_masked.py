import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.metrics.image import psnr
from jaxgen.metrics.masked import mask_iou, masked_psnr

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
