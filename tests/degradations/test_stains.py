import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaxgen.degradations import stains

KEY = jax.random.key(0)
WHITE = jnp.ones((6, 48, 56, 3))
SAME = jnp.broadcast_to(KEY, (6,))


@pytest.fixture(scope="module")
def foxed():
    """Returns one foxing at growing density."""
    return jax.jit(stains.foxing)(SAME, WHITE, jnp.linspace(0, 1, 6), jnp.ones(6))


def test_spots_come_with_the_density_and_stay(foxed):
    damaged, mask = foxed
    np.testing.assert_array_equal(damaged[0], WHITE[0])
    assert (np.diff(mask, axis=0) >= 0).all()
    assert 0.02 < mask[-1].mean() < 0.5


def test_spots_are_brown(foxed):
    damaged, mask = foxed
    red, green, blue = np.asarray(damaged[-1])[np.asarray(mask[-1, ..., 0]) > 0.6].T
    assert ((red > green) & (green > blue)).all() and red.mean() < 0.8


def test_strength_is_opacity():
    for degrade in (stains.foxing, lambda *a, strength: stains.stain(*a, (1, 1), strength)):
        _, mask = jax.jit(degrade)(SAME, WHITE, strength=jnp.linspace(0, 1, 6))
        np.testing.assert_allclose(mask, np.arange(6)[:, None, None, None] / 5 * mask[-1], atol=1e-6)
        assert mask[-1].max() > 0.3


def test_water_leaves_a_rim_darker_than_what_it_encloses():
    _, mask = jax.jit(lambda k, x: stains.stain(k, x, (1, 1)))(KEY, WHITE)
    rims, insides = [], []
    for stain in np.asarray(mask[..., 0]):
        depth = scipy.ndimage.distance_transform_edt(np.pad(stain > 0, 9, mode="edge"))[9:-9, 9:-9]
        rims.append(stain[(depth > 0) & (depth <= 2)])
        insides.append(stain[depth > 5])
    assert np.concatenate(rims).mean() > 1.3 * np.concatenate(insides).mean()


def test_no_stain_changes_nothing():
    damaged, mask = stains.stain(KEY, WHITE, (0, 0))
    np.testing.assert_array_equal(damaged, WHITE)
    assert not mask.any()
