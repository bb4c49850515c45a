import jax
import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage
import scipy.stats

from jaxgen.degradations.damage import procedural

KEY = jax.random.key(0)


@pytest.mark.parametrize("octaves", [1, 3])
def test_every_pixel_of_the_noise_is_standard_normal(octaves, computed):
    draw = jax.vmap(lambda k: procedural.fractal_noise(k, 7, 9, (2, 3.5), octaves, 0.7))
    fields = computed(draw, jax.random.split(KEY, 4000))
    np.testing.assert_allclose(fields.mean(0), 0, atol=0.08)
    np.testing.assert_allclose(fields.std(0), 1, atol=0.06)
    assert scipy.stats.kstest(fields[:, 3, 4], "norm").pvalue > 1e-3


def test_the_weights_are_cubic_b_splines_of_unit_length(computed):
    weights = computed(lambda corner: procedural.spline_weights(corner, 20, 0.37), np.float32(0.3))
    spline = scipy.interpolate.BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)
    expected = np.nan_to_num(spline(np.arange(20)[:, None] * 0.37 + 0.3 + 1 - np.arange(weights.shape[1])))
    np.testing.assert_allclose(expected.sum(1), 1)
    np.testing.assert_allclose(weights, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_the_length_of_the_weights_is_no_sum_over_the_nodes():
    # Compiled by jaxlib 0.12 for the CPU, such sums come out as NaN, but only in programs too large for a test.
    program = str(jax.make_jaxpr(lambda corner: procedural.spline_weights(corner, 20, 0.37))(np.float32(0.3)))
    assert "reduce_sum" not in program and "dot_general" not in program
    compute = jax.jit(lambda corner: procedural.spline_weights(corner, 192, 25 / 192))
    for corner in (0.0, 1e-7, 0.5, 0.99999994):
        weights = np.asarray(compute(np.float32(corner)))
        np.testing.assert_allclose(np.linalg.norm(weights, axis=1), 1, rtol=2e-6)


def test_the_lattice_reaches_every_point_wherever_it_begins(computed):
    for length, step in ((1, 0.1), (16, 0.25), (17, 0.25), (9, 1.0)):
        weights = computed(lambda corner, n=length, step=step: procedural.spline_weights(corner, n, step), 0.9999)
        inner = np.arange(length) * step + 0.9999
        sums = np.square(weights).sum(1)
        np.testing.assert_allclose(sums, 1, atol=1e-5)
        assert inner[-1] + 1 + 2 <= weights.shape[1] + 1e-3


def test_noise_of_more_cells_is_rougher():
    fields = jax.jit(lambda k: [procedural.value_noise(k, 64, 64, cells) for cells in (2, 8, 32)])(KEY)
    rough = [abs(np.diff(field, axis=1)).mean() for field in fields]
    assert rough[0] < rough[1] / 2 < rough[2] / 4


def test_the_rise_is_above_0_on_about_the_coverage_and_grows_with_it(computed):
    shares = np.float32([0.0, 0.1, 0.3, 0.7, 1.0])

    def heights(key, shares):
        field = procedural.fractal_noise(key, 96, 96, 12, 3)
        return jax.vmap(lambda c: procedural.above_quantile(field, c))(shares)

    rises = computed(heights, KEY, shares)
    np.testing.assert_allclose((rises > 0).mean((1, 2)), shares, atol=0.05)
    assert (rises[0] < 0).all() and (rises[-1] > 0).all()
    assert (np.diff(rises, axis=0) >= 0).all()


def test_spots_are_cones_as_dense_and_as_wide_as_asked():
    draw = jax.jit(lambda density: procedural.spots(KEY, 120, 160, 12, density, (0.4, 0.4)))
    none, some, every = (np.asarray(draw(d)) for d in (0.0, 0.1, 1.0))
    assert not none.any() and some.min() >= 0 and every.max() <= 1
    assert (every >= some).all()
    # 12 × 16 cells of 10 pixels; a cone of radius 4 pixels falls by 1/4 a pixel and covers 16π.
    assert scipy.ndimage.label(some)[1] == pytest.approx(19, abs=10)
    slopes = np.hypot(*np.gradient(some))[1:-1, 1:-1]
    assert np.median(slopes[some[1:-1, 1:-1] > 0.3]) == pytest.approx(0.25, abs=0.03)
    assert (some > 0).sum() / scipy.ndimage.label(some)[1] == pytest.approx(16 * np.pi, rel=0.3)


def test_spots_beyond_the_cells_that_are_searched_are_refused():
    with pytest.raises(ValueError, match="at most one cell"):
        procedural.spots(KEY, 8, 8, 2, 0.5, (0.5, 1.5))
