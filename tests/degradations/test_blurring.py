import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import degradations
from jaxgen.degradations import blurring

RANDOM = np.random.default_rng(0)
KEY = jax.random.key(0)
BLUR = jax.jit(blurring.blur)


def expected(image, kernel):
    """SciPy's mirror is OpenCV's BORDER_REFLECT_101."""
    return scipy.ndimage.convolve(image.astype(np.float64), np.asarray(kernel, np.float64)[..., None], mode="mirror")


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3, 7]), st.sampled_from([1, 5, 9]))
@settings(max_examples=6, deadline=None)
def test_blur_is_scipys_convolution_at_any_size(height, width, rows, columns):
    images = RANDOM.random((2, height, width, 2), np.float32)
    kernels = RANDOM.standard_normal((2, rows, columns), np.float32)
    blurred = jax.device_get(BLUR(images, kernels))
    for i in range(2):
        np.testing.assert_allclose(blurred[i], expected(images[i], kernels[i]), atol=2e-5)


def test_a_point_becomes_the_kernel():
    images = np.zeros((1, 9, 9, 1), np.float32)
    images[0, 4, 4] = 1
    kernel = RANDOM.random((3, 5), np.float32)
    np.testing.assert_allclose(np.asarray(BLUR(images, kernel))[0, 3:6, 2:7, 0], kernel, atol=1e-6)


def test_one_kernel_serves_all_images_and_their_number_changes_nothing():
    images, kernel = RANDOM.random((3, 12, 10, 3), np.float32), RANDOM.random((5, 5), np.float32)
    whole = np.asarray(BLUR(images, kernel))
    np.testing.assert_allclose(whole, BLUR(images, np.stack([kernel] * 3)), atol=1e-5)
    np.testing.assert_allclose(whole[1:2], BLUR(images[1:2], kernel), atol=1e-5)


def test_gaussian_blur_is_scipys_with_a_sigma_for_each_image():
    images = RANDOM.random((2, 24, 30, 1), np.float32)
    blurred = np.asarray(jax.jit(degradations.blur, static_argnums=3)(KEY, images, np.float32([0.0, 2.0]), 21))
    np.testing.assert_allclose(blurred[0], images[0], atol=1e-6)
    smooth = scipy.ndimage.gaussian_filter(images[1, ..., 0].astype(np.float64), 2, mode="mirror", radius=10)
    np.testing.assert_allclose(blurred[1, ..., 0], smooth, atol=1e-6)


def test_anisotropic_blur_is_scipys_along_each_axis_and_turns_with_its_angle():
    images = RANDOM.random((1, 24, 30, 1), np.float32)
    blur = jax.jit(degradations.anisotropic_blur, static_argnums=5)
    straight, turned = (blur(KEY, images, *widths, 21) for widths in ((2.0, 1.0, 0.0), (1.0, 2.0, np.pi / 2)))
    smooth = scipy.ndimage.gaussian_filter(images[0, ..., 0].astype(np.float64), (1, 2), mode="mirror", radius=10)
    for blurred in jax.device_get((straight, turned)):
        np.testing.assert_allclose(blurred[0, ..., 0], smooth, atol=1e-6)


def test_motion_blur_upwards_to_the_right():
    images = np.zeros((1, 11, 11, 1), np.float32)
    images[0, 5, 5] = 1
    trace = np.asarray(jax.jit(degradations.motion_blur, static_argnums=4)(KEY, images, 7.0, np.pi / 4, 9))[0, ..., 0]
    rising = sum(trace[5 - i, 5 + i] for i in range(-2, 3))
    falling = sum(trace[5 + i, 5 + i] for i in range(-2, 3) if i)
    assert rising > 0.5
    assert falling < 0.1
    assert trace.sum() == pytest.approx(1, abs=1e-5)


def test_the_gradient_is_the_adjoint():
    images, other, kernel = RANDOM.random((2, 8, 9, 1)), RANDOM.random((2, 8, 9, 1)), RANDOM.random((3, 3))
    with jax.enable_x64(True):
        blurred, pull = jax.vjp(lambda x: BLUR(x, kernel), images)
        (pulled,) = pull(other)
        assert (np.asarray(blurred) * other).sum() == pytest.approx((images * np.asarray(pulled)).sum(), rel=1e-12)


def test_bfloat16_stays():
    images = jax.ShapeDtypeStruct((1, 4, 4, 1), jnp.bfloat16)
    assert jax.eval_shape(lambda x: degradations.blur(KEY, x, 1.0, 3), images).dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("kernels", "message"), [((3, 3, 3), "one for each image"), ((2, 4, 3), "give odd sides"), ((3,), "one for each")]
)
def test_kernels_that_do_not_fit_are_refused(kernels, message):
    with pytest.raises(ValueError, match=message):
        blurring.blur(np.zeros((2, 8, 8, 1), np.float32), np.ones(kernels, np.float32))
