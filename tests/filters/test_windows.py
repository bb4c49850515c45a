import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.filters import windows

IMAGE = np.random.default_rng(0).uniform(size=(1, 9, 11, 2)).astype(np.float32)


of_windows = jax.jit(
    lambda x, *size: [of(x, *size) for of in (windows.sums, windows.minima, windows.means_and_variances)],
    static_argnums=(1, 2),
)


@given(rows=st.integers(1, 9), columns=st.integers(1, 11))
@settings(max_examples=6, deadline=None)
def test_every_window_is_met_once(rows, columns):
    seen = np.lib.stride_tricks.sliding_window_view(IMAGE, (rows, columns), axis=(1, 2))
    sums, minima, (means, variances) = of_windows(IMAGE, rows, columns)
    np.testing.assert_allclose(sums, seen.sum((-2, -1)), rtol=1e-5)
    np.testing.assert_array_equal(minima, seen.min((-2, -1)))
    np.testing.assert_allclose(means, seen.mean((-2, -1)), rtol=1e-5)
    np.testing.assert_allclose(variances, seen.var((-2, -1)), atol=1e-6)


def test_the_variance_of_a_flat_window_is_exactly_0():
    _, _, (means, variances) = of_windows(np.full((1, 7, 9, 1), 0.7, np.float32), 7, 5)
    assert (np.asarray(variances) == 0).all()
    np.testing.assert_array_equal(means, np.float32(0.7))


@pytest.mark.parametrize("size", [(3, 5), (4, 2), (1, 1)])
def test_borders_mirror_without_the_outermost_pixel(size):
    rows, columns = size
    expected = np.pad(IMAGE[0, ..., 0], ((rows // 2, (rows - 1) // 2), (columns // 2, (columns - 1) // 2)), "reflect")
    np.testing.assert_array_equal(windows.reflected(IMAGE, *size)[0, ..., 0], expected)


@pytest.mark.parametrize("axis", [1, 2])
def test_binomial_weights_along_an_axis_keep_constants_and_take_away_what_alternates(pair, axis):
    padded = np.pad(pair, [(1, 1) if i == axis else (0, 0) for i in range(4)], "edge")
    expected = np.apply_along_axis(np.convolve, axis, padded, [0.25, 0.5, 0.25], "valid")
    np.testing.assert_allclose(windows.binomial(pair, axis), expected, atol=1e-6)
    alternating = (-1.0) ** np.indices(pair.shape)[axis].astype(np.float32)
    inner = np.arange(1, pair.shape[axis] - 1)
    assert abs(windows.binomial(alternating, axis).take(inner, axis)).max() == 0
