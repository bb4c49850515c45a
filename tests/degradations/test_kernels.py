import jax
import numpy as np
import pytest
import scipy.special

from jaxgen.degradations import kernels


def compiled(function, size_argument):
    """Returns the function compiled once for each size of the kernel, with NumPy arrays as its results."""
    inner = jax.jit(function, static_argnums=size_argument)
    return lambda *arguments: np.asarray(inner(*arguments))


GAUSSIAN, PLATEAU = compiled(kernels.gaussian_kernel, 3), compiled(kernels.plateau_kernel, 3)
MOTION, SINC = compiled(kernels.motion_kernel, 2), compiled(kernels.sinc_kernel, 1)


def covariance(kernel):
    x, y = kernels.pixel_offsets(kernel.shape[-1])
    kernel = np.asarray(kernel, np.float64)
    return np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])


def test_a_rotated_gaussian_has_its_covariance():
    angle = 0.6
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = turn @ np.diag([4.0, 1.0]) @ turn.T
    np.testing.assert_allclose(covariance(GAUSSIAN(2.0, 1.0, angle, 31)), expected, atol=1e-4)


def test_parameters_may_be_given_for_each_image():
    batch = GAUSSIAN(np.float32([1.0, 2.0]), 3.0, np.float32([0.1, 0.2]), 9, np.float32([1.0, 2.0]))
    np.testing.assert_allclose(batch[1], GAUSSIAN(2.0, 3.0, 0.2, 9, 2.0), rtol=1e-5)
    np.testing.assert_allclose(batch.sum((1, 2)), 1, rtol=1e-6)


def test_a_gaussian_without_width_leaves_the_picture_sharp():
    centre = np.zeros((5, 5))
    centre[2, 2] = 1
    np.testing.assert_array_equal(GAUSSIAN(0.0, 0.0, 0.3, 5), centre)
    np.testing.assert_array_equal(MOTION(1.0, 0.3, 5), centre)


def test_generalized_kernels_by_their_formulas():
    x, y = kernels.pixel_offsets(7)
    square = (x / 2) ** 2 + (y / 1.5) ** 2
    for kernel, weights in [
        (GAUSSIAN(2.0, 1.5, 0.0, 7, 3.0), np.exp(-(square**3) / 2)),
        (PLATEAU(2.0, 1.5, 0.0, 7, 2.0), 1 / (1 + square**2)),
    ]:
        np.testing.assert_allclose(kernel, weights / weights.sum(), rtol=1e-5)


def test_a_horizontal_line_is_a_mean_and_a_longer_one_fades_at_its_ends():
    row = np.zeros((11, 11))
    row[5, 3:8] = 0.2
    np.testing.assert_allclose(MOTION(5.0, 0.0, 11), row, atol=1e-7)
    row[5, [2, 8]] = 0.1 * 0.5
    row[5, 3:8] = 0.2 * 0.9
    longer = MOTION(5.5, 0.0, 11)
    np.testing.assert_allclose(longer[5, [2, 3]], np.array([0.25, 1]) / 5.5, rtol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, 2.5])
def test_a_line_lies_at_its_angle(angle):
    variances, directions = np.linalg.eigh(covariance(MOTION(15.0, angle, 21)))
    along = directions[:, 1]
    assert abs(along @ [np.cos(angle), np.sin(angle)]) == pytest.approx(1, abs=1e-4)
    # A line of length n has the variance (n² − 1) / 12.
    assert variances[1] == pytest.approx((15**2 - 1) / 12, rel=0.04)
    assert variances[0] < 0.25


@pytest.mark.parametrize("cutoff", [0.5, np.pi / 3, np.pi])
def test_sinc_is_the_bessel_function(cutoff):
    radius = np.hypot(*kernels.pixel_offsets(21)) + 1e-12
    weights = scipy.special.j1(cutoff * radius) / radius
    np.testing.assert_allclose(SINC(cutoff, 21), weights / weights.sum(), atol=2e-6)


def test_a_window_cuts_each_kernel_to_its_side():
    whole = GAUSSIAN(np.float32([3.0, 3.0]), 3.0, 0.0, 9)
    cut = np.asarray(jax.jit(kernels.crop_kernel)(whole, np.array([5, 9])))
    np.testing.assert_allclose(cut[0, 2:7, 2:7], GAUSSIAN(3.0, 3.0, 0.0, 5), rtol=1e-5)
    assert cut[0].sum() == pytest.approx(1)
    assert np.count_nonzero(cut[0]) == 25
    np.testing.assert_allclose(cut[1], whole[1], rtol=1e-6)


@pytest.mark.parametrize("size", [0, 4, -3])
def test_kernels_without_a_centre_are_refused(size):
    with pytest.raises(ValueError, match="give an odd number"):
        kernels.motion_kernel(3.0, 0.0, size)
