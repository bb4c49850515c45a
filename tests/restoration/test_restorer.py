import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.restoration import pretrained, tiles
from jaxgen.restoration.restorer import make_restorer, measure_spec, restore

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
    return make_restorer(MODULE, variables, measure_spec(MODULE, variables, 3, "noise_level"))


def test_the_spec_is_measured(restorer):
    spec = restorer.spec
    assert (spec.channels, spec.conditioning, spec.condition_channels, spec.size_multiple) == (3, "noise_level", 1, 4)
    assert spec.parameters == sum(leaf.size for leaf in jax.tree.leaves(random_variables(MODULE, 4)))
    assert spec.multiply_adds_per_pixel > 0
    assert 10 < spec.receptive_field_radius < 30


def test_tiles_equal_one_tile(restorer):
    whole, parts = (restore(restorer, IMAGE, 0.1, largest_tile=largest) for largest in (1024, 64))
    assert abs(whole - parts).max() * 255 < 0.01
    assert abs(whole - IMAGE).max() > 0.1


def test_a_number_is_a_constant_map(restorer):
    level = np.full((70, 45, 1), 0.1, np.float32)
    np.testing.assert_array_equal(restore(restorer, IMAGE, 0.1), restore(restorer, IMAGE, level))


def test_the_ensemble_is_equivariant(restorer):
    restored = restore(restorer, IMAGE, 0.1, ensemble=True)
    turned = restore(restorer, np.rot90(IMAGE), 0.1, ensemble=True)
    np.testing.assert_allclose(np.rot90(restored), turned, atol=1e-4)


class Weighted(nn.Module):
    """Computes pixel − weight · (pixel, or the mean of the whole image)."""

    size_multiple: int = 1
    is_global: bool = False
    dtype: None = None
    param_dtype: None = None

    @nn.compact
    def __call__(self, inputs, train):
        other = inputs.mean((1, 2), keepdims=True) if self.is_global else inputs
        return inputs - self.param("weight", nn.initializers.ones, ()) * other


def weighted(weight, **fields):
    module, variables = Weighted(**fields), {"params": {"weight": np.float32(weight)}}
    return make_restorer(module, variables, measure_spec(module, variables, 3, "none"))


def test_a_network_with_a_global_receptive_field_has_no_tiles():
    restorer = weighted(1, is_global=True)
    assert restorer.spec.receptive_field_radius is None
    restored = restore(restorer, IMAGE, largest_tile=64)
    np.testing.assert_allclose(restored, IMAGE - IMAGE.mean((0, 1)), atol=1e-5)
    assert restored.flags.writeable
    large = np.broadcast_to(np.float32(0), (3000, 3000, 3))
    with pytest.raises(UsageError, match=r"3000×3000 pixels: this network depends on the whole image .*4.2 megapixels"):
        restore(restorer, large)


def test_a_network_whose_size_multiple_divides_no_tile_has_no_tiles():
    restorer = weighted(0.5, size_multiple=64)
    assert restorer.spec.receptive_field_radius is None
    np.testing.assert_array_equal(restore(restorer, IMAGE, largest_tile=64), IMAGE / 2)
    with pytest.raises(UsageError, match="pads to multiples of 64 pixels and cannot be applied tile by tile"):
        restore(restorer, np.broadcast_to(np.float32(0), (3000, 3000, 3)))


def test_inputs_that_do_not_fit_are_refused(restorer):
    with pytest.raises(ValueError, match=r"give \[height, width, 3\]"):
        restore(restorer, IMAGE[..., :1], 0.1)
    with pytest.raises(ValueError, match="the network's conditioning is noise_level: give a condition"):
        restore(restorer, IMAGE)


@pytest.mark.parametrize(("name", "output"), [("superres", "image"), ("detect", "mask"), ("denoise_gray", "image")])
def test_a_tile_of_the_chosen_side_has_bounded_memory(name, output):
    restorer = pretrained.load(name, output)
    spec, module, side = restorer.spec, pretrained.read_card(name).module(), 128
    images = jax.ShapeDtypeStruct((1, side, side, spec.channels + spec.condition_channels), "float32")
    variables, _ = pretrained.read(name)
    program = jax.jit(lambda variables, images: module.apply(variables, images, False))
    used = program.lower(variables, images).compile().memory_analysis().temp_size_in_bytes / side**2
    tile = restorer.tile_side() + 2 * spec.receptive_field_radius
    assert used * tile**2 < tiles.MAX_BYTES
    assert restorer.tile_side() < tiles.SIDES[-1] or name == "denoise_gray"
