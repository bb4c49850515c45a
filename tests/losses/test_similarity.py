import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.losses import similarity


def test_the_window_is_a_normalised_gaussian_around_every_inner_pixel():
    matrix = np.asarray(similarity.window_matrix(14, jnp.float32))
    gaussian = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    assert matrix.shape == (4, 14)
    for row in range(4):
        np.testing.assert_allclose(matrix[row, row : row + 11], gaussian / gaussian.sum(), rtol=1e-5)
        assert np.count_nonzero(matrix[row]) == 11


def test_images_smaller_than_the_window_are_refused():
    with pytest.raises(ValueError, match="images of 8×16 pixels: SSIM needs at least 11×11"):
        similarity.ssim(np.zeros((1, 8, 16, 1), "f"), np.zeros((1, 8, 16, 1), "f"))


def test_it_works_in_double_precision():
    x, y = np.random.default_rng(0).uniform(size=(2, 1, 12, 12, 1))
    single = jax.jit(similarity.ssim)(np.float32(x), np.float32(y))
    with jax.enable_x64(True):
        double = jax.jit(similarity.ssim)(x, y)
        assert double.dtype == jnp.float64
    np.testing.assert_allclose(single, double, atol=1e-6)
