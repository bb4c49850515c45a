import jax
import numpy as np
import pytest

from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.restoration import thumbnails
from jaxgen.restoration.restorer import make_restorer, measure_spec, restore
from jaxgen.restoration.tiles import stacked
from tests.restoration.test_restorer import random_variables

MODULE = Dehazer((4, 4), side=8)


@pytest.fixture(scope="module")
def restorer():
    variables = random_variables(MODULE, 3)
    return make_restorer(MODULE, variables, measure_spec(MODULE, variables, 3, "none"))


@pytest.mark.parametrize("shape", [(2 * thumbnails.BAND + 30, 40, 3), (40, 2 * thumbnails.BAND + 30, 3)])
def test_bands_equal_the_whole(restorer, shape):
    image = np.random.default_rng(0).random(shape, np.float32)
    image[: len(image) // 3] /= 4  # So that the maps are not the same everywhere.
    whole = restorer.network(image[None])[0]
    np.testing.assert_allclose(restore(restorer, image), whole, atol=1e-5)
    np.testing.assert_allclose(stacked(restorer.bands(image), len(image), image), whole, atol=1e-5)
    assert max(map(len, restorer.bands(image))) == min(len(image), thumbnails.BAND)


@pytest.mark.parametrize("shape", [(300, 500, 1), (700, 300, 3), (5, 4, 3)])
def test_a_thumbnail_is_the_resized_image(shape):
    image = np.random.default_rng(1).random(shape, np.float32)
    expected = jax.image.resize(image, (8, 8, shape[-1]), "linear")
    np.testing.assert_allclose(thumbnails.thumbnail(image, 8), expected, atol=1e-6)
