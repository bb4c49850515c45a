import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen.degradations import poisson

# The middles of as many intervals of equal probability.
NORMAL = scipy.stats.norm.ppf((np.arange(2**20) + 0.5) / 2**20).astype(np.float32)
COUNT = jax.jit(poisson.poisson)


@pytest.mark.parametrize(
    ("mean", "distance"), [(0.01, 1e-5), (3.0, 1e-5), (11.9, 3e-5), (12.0, 1.5e-4), (40.0, 6e-5), (500.0, 1.5e-4)]
)
def test_the_distribution_is_poissons(mean, distance):
    counts = np.asarray(COUNT(jnp.float32(mean), NORMAL)).astype(int)
    shares = np.bincount(counts) / len(counts)
    assert abs(shares - scipy.stats.poisson.pmf(np.arange(len(shares)), mean)).sum() / 2 < distance


def test_no_light_gives_no_photons():
    np.testing.assert_array_equal(COUNT(jnp.float32(0), NORMAL), 0)
