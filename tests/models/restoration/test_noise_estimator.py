import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.models.restoration.noise_estimator import UNIT, NoiseEstimator

MODULE = NoiseEstimator(depth=3, width=6)
IMAGES = np.random.default_rng(0).random((2, 12, 10, 1), np.float32)


@pytest.fixture(scope="module")
def variables():
    return jax.device_get(jax.jit(MODULE.init, static_argnums=2)(jax.random.key(1), IMAGES, False))


def test_levels_are_positive_and_independent_between_images(variables, infer):
    levels = infer(MODULE, variables, IMAGES)
    assert levels.shape == (2,)
    assert (levels > 0).all()
    np.testing.assert_allclose(infer(MODULE, variables, IMAGES[1:]), levels[1:], rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (13, 12)])
def test_any_size_is_accepted(variables, size, infer):
    assert np.isfinite(infer(MODULE, variables, IMAGES[:, : size[0], : size[1]])).all()


def test_parameters_are_those_of_the_convolutions(variables):
    count = sum(leaf.size for leaf in jax.tree.leaves(variables))
    assert count == (9 * 4 * 6 + 6) + (9 * 6 * 6 + 6) + (9 * 6 * 2 + 2)


def test_the_estimate_is_the_weighted_mean(variables, infer):
    # Without kernels every place says softplus(bias), whatever the weights.
    flat = jax.tree.map(np.zeros_like, variables)
    flat["params"]["last"]["bias"] = np.float32([1.5, -3.0])
    np.testing.assert_allclose(infer(MODULE, flat, IMAGES), UNIT * np.log1p(np.exp(1.5)), rtol=1e-6)


def test_bfloat16_returns_float32(variables, infer):
    levels = infer(MODULE.clone(dtype=jnp.bfloat16), variables, IMAGES)
    assert levels.dtype == jnp.float32
    np.testing.assert_allclose(levels, infer(MODULE, variables, IMAGES), rtol=0.1)
