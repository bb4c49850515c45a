import jax
import numpy as np
import pytest

from jaxgen.models.restoration.detector import PRIOR, Detector
from jaxgen.models.restoration.residual_unet import ResidualUNet

IMAGES = np.random.default_rng(0).random((2, 19, 37, 3), np.float32)
MODULE = Detector((4, 4), 1)


@pytest.fixture(scope="module")
def variables():
    return jax.device_get(jax.jit(MODULE.init, static_argnums=2)(jax.random.key(0), IMAGES, False))


def test_the_initial_output_is_the_prior(variables, infer):
    found = infer(MODULE, variables, IMAGES)
    assert found.shape == (2, 19, 37, 1)
    np.testing.assert_array_equal(found, PRIOR)


def test_the_output_for_black_images_differs_from_the_prior(variables, infer):
    # A residual U-Net alone has no biases, and makes black of black.
    variables = jax.tree.map(lambda leaf: leaf + np.float32(0.1), variables)
    assert abs(infer(MODULE, variables, 0 * IMAGES) - PRIOR).min() > 1e-3


def test_every_channel_counts(variables, infer):
    variables = jax.tree.map(lambda leaf: leaf + np.float32(0.1), variables)
    found = infer(MODULE, variables, IMAGES)
    for channel in range(3):
        other = IMAGES.copy()
        other[..., channel] = 0.5
        assert abs(infer(MODULE, variables, other) - found).max() > 1e-3


def test_its_size_multiple_is_the_unets():
    assert MODULE.size_multiple == ResidualUNet((4, 4), 1).size_multiple == 4
