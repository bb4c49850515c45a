import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.degradations.damage import corrosion

KEY = jax.random.key(0)
COVERAGE = np.array([0.0, 0.1, 0.3, 0.6, 1.0], np.float32)
IMAGES = np.broadcast_to(np.random.default_rng(0).random((1, 40, 48, 3), np.float32), (5, 40, 48, 3))


@pytest.fixture(scope="module")
def rust():
    """Returns images with the same rust, and its masks, as a function of coverage and strength."""
    same, compiled = jnp.broadcast_to(KEY, (5,)), jax.jit(corrosion.rust)
    return lambda coverage, strength: jax.device_get(compiled(same, IMAGES, coverage, strength))


@pytest.fixture(scope="module")
def rusty(rust):
    """Returns one rust at growing coverage."""
    return rust(COVERAGE, np.ones(5, np.float32))


def test_rust_grows_with_the_coverage_and_never_shrinks(rusty):
    _, mask = rusty
    assert (np.diff(mask, axis=0) >= 0).all()
    np.testing.assert_allclose(mask.mean((1, 2, 3)), COVERAGE, atol=0.12)


def test_no_coverage_leaves_every_bit_and_full_coverage_none_of_the_image(rusty):
    damaged, mask = rusty
    np.testing.assert_array_equal(damaged[0], IMAGES[0])
    np.testing.assert_array_equal(mask[-1], 1)


def test_rust_is_brown(rusty):
    red, green, blue = rusty[0][-1].reshape(-1, 3).T
    assert ((red > green) & (green >= blue)).mean() > 0.99
    assert 0.35 < red.mean() < 0.65 and blue.mean() < 0.25
    assert red.std() > 0.05


def test_strength_is_opacity(rust):
    _, mask = rust(np.full(5, 0.3, np.float32), np.linspace(0, 1, 5, dtype=np.float32))
    np.testing.assert_allclose(mask, np.arange(5)[:, None, None, None] / 4 * mask[-1], atol=1e-6)


def test_drips_run_down_and_fade(computed):
    patch = np.zeros((60, 40), np.float32)
    patch[10:14] = 1
    drips = computed(jax.vmap(lambda k: corrosion.drips(k, patch)), jax.random.split(KEY, 4)).mean(0)
    # The distance that is added before the maximum and taken away after it may leave its round-off, some 1e-8.
    assert drips[:10].max() < 1e-6 and drips[14:].any()
    assert np.diff(drips[14:], axis=0).max() < 1e-6
