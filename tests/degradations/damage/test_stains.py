import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaxgen.degradations.damage import stains

KEY = jax.random.key(0)
WHITE = np.ones((6, 48, 56, 3), np.float32)
one_stain = jax.jit(lambda keys, strength: stains.stain(keys, WHITE, (1, 1), strength))
foxing = jax.jit(stains.foxing)
SIXTHS = np.linspace(0, 1, 6, dtype=np.float32)
SAME = jnp.broadcast_to(KEY, (6,))


@pytest.fixture(scope="module")
def foxed():
    """Returns one foxing at growing density."""
    return jax.device_get(foxing(SAME, WHITE, SIXTHS, np.ones(6, np.float32)))


def test_spots_come_with_the_density_and_stay(foxed):
    damaged, mask = foxed
    np.testing.assert_array_equal(damaged[0], WHITE[0])
    assert (np.diff(mask, axis=0) >= 0).all()
    assert 0.02 < mask[-1].mean() < 0.5


def test_spots_are_brown(foxed):
    damaged, mask = foxed
    red, green, blue = damaged[-1][mask[-1, ..., 0] > 0.6].T
    assert ((red > green) & (green > blue)).all() and red.mean() < 0.8


def test_strength_is_opacity():
    foxed = foxing(SAME, WHITE, np.ones(6, np.float32), SIXTHS)
    stained = one_stain(SAME, SIXTHS)
    for damaged, mask in jax.device_get((foxed, stained)):
        np.testing.assert_allclose(mask, SIXTHS[:, None, None, None] * mask[-1], atol=1e-6)
        assert mask[-1].max() > 0.3
        np.testing.assert_array_equal(damaged[0], WHITE[0])


def test_water_leaves_a_rim_darker_than_what_it_encloses():
    _, mask = one_stain(jax.random.split(KEY, 6), SIXTHS[-1:].repeat(6))
    rims, insides = [], []
    for stain in np.asarray(mask)[..., 0]:
        depth = scipy.ndimage.distance_transform_edt(np.pad(stain > 0, 9, mode="edge"))[9:-9, 9:-9]
        rims.append(stain[(depth > 0) & (depth <= 2)])
        insides.append(stain[depth > 5])
    assert np.concatenate(rims).mean() > 1.3 * np.concatenate(insides).mean()
