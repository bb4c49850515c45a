import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.restoration.restorer import examine, make_restorer, restore

MODULE = ResidualUNet(widths=(4, 6), blocks=1, channels=3)
IMAGE = np.random.default_rng(0).random((70, 45, 3), np.float32)


def random_variables(module, channels):
    variables = module.init(jax.random.key(0), np.zeros((1, 8, 8, channels), np.float32), False)
    leaves, structure = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return structure.unflatten(
        [0.3 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    )


@pytest.fixture(scope="module")
def restorer():
    variables = random_variables(MODULE, 4)
    return make_restorer(MODULE, variables, examine(MODULE, variables, 3, "noise"))


def test_it_knows_the_network(restorer):
    traits = restorer.traits
    assert (traits.channels, traits.told, traits.guides, traits.multiple) == (3, "noise", 1, 4)
    assert traits.parameters == sum(leaf.size for leaf in jax.tree.leaves(random_variables(MODULE, 4)))
    assert traits.multiply_adds > 0
    assert 10 < traits.reach < 30


def test_tiles_make_what_one_makes(restorer):
    whole, parts = (restore(restorer, IMAGE, 0.1, largest=largest) for largest in (1024, 64))
    assert abs(whole - parts).max() * 255 < 0.01
    assert abs(whole - IMAGE).max() > 0.1


def test_a_number_is_a_map_of_it(restorer):
    level = np.full((70, 45, 1), 0.1, np.float32)
    np.testing.assert_array_equal(restore(restorer, IMAGE, 0.1), restore(restorer, IMAGE, level))


def test_the_ensemble_treats_all_views_alike(restorer):
    found = restore(restorer, IMAGE, 0.1, ensemble=True)
    turned = restore(restorer, np.rot90(IMAGE), 0.1, ensemble=True)
    np.testing.assert_allclose(np.rot90(found), turned, atol=1e-4)


class Mean(nn.Module):
    """Takes the mean of the whole picture away."""

    multiple: int = 1
    dtype: None = None
    param_dtype: None = None

    @nn.compact
    def __call__(self, inputs, train):
        return inputs - self.param("weight", nn.initializers.ones, ()) * inputs.mean((1, 2), keepdims=True)


def test_a_network_that_sees_everything_is_given_everything():
    variables = {"params": {"weight": np.float32(1)}}
    restorer = make_restorer(Mean(), variables, examine(Mean(), variables, 3, "nothing"))
    assert restorer.traits.reach is None
    found = restore(restorer, IMAGE, largest=64)
    np.testing.assert_allclose(found, IMAGE - IMAGE.mean((0, 1)), atol=1e-5)
    assert found.flags.writeable
    large = np.broadcast_to(np.float32(0), (3000, 3000, 3))
    with pytest.raises(UsageError, match=r"3000×3000 pixels: this network averages over all of it .*4.2 megapixels"):
        restore(restorer, large)


class Halves(nn.Module):
    """Halves every pixel, and pads to more pixels than tiles are multiples of."""

    multiple: int = 64
    dtype: None = None
    param_dtype: None = None

    @nn.compact
    def __call__(self, inputs, train):
        return self.param("weight", nn.initializers.constant(0.5), ()) * inputs


def test_a_network_that_fits_no_tile_is_given_everything():
    variables = {"params": {"weight": np.float32(0.5)}}
    restorer = make_restorer(Halves(), variables, examine(Halves(), variables, 3, "nothing"))
    assert restorer.traits.reach is None
    np.testing.assert_array_equal(restore(restorer, IMAGE, largest=64), IMAGE / 2)
    with pytest.raises(UsageError, match="this network repeats only every 64 pixels and cannot go tile by tile"):
        restore(restorer, np.broadcast_to(np.float32(0), (3000, 3000, 3)))


def test_what_does_not_fit_is_told(restorer):
    with pytest.raises(ValueError, match=r"give \[height, width, 3\]"):
        restore(restorer, IMAGE[..., :1], 0.1)
    with pytest.raises(ValueError, match="a restorer that is told noise: give a guide"):
        restore(restorer, IMAGE)
