import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.restoration.any_size import AnySize, any_size
from jaxgen.restoration.restorer import MAX_UNTILED_PIXELS, make_restorer, measure_spec, restore


class Blocks(nn.Module):
    """Adds to each pixel the mean of its block; takes multiples of the block alone, and perhaps enlarges."""

    block: int = 4
    enlarge: int = 1

    @nn.compact
    def __call__(self, inputs, train):
        mean = nn.avg_pool(inputs, (self.block, self.block), (self.block, self.block))
        outputs = inputs + mean.repeat(self.block, 1).repeat(self.block, 2)
        return outputs.repeat(self.enlarge, 1).repeat(self.enlarge, 2)


class Stated(Blocks):
    size_multiple = 4
    max_untiled_pixels = 100


def test_a_module_without_attributes_is_padded_and_enlarges():
    module = any_size(Blocks(enlarge=2), 1)
    assert (module.size_multiple, module.scale, module.has_tiles) == (4, 2, False)
    image = np.arange(6 * 8, dtype=np.float32).reshape(6, 8, 1) / 48
    padded = np.pad(image, ((0, 2), (0, 0), (0, 0)), "reflect")[None]
    restorer = make_restorer(module, {"params": {}}, measure_spec(module, {"params": {}}, 1, "none"))
    assert restorer.spec.receptive_field_radius is None and restorer.spec.scale == 2
    np.testing.assert_allclose(restore(restorer, image), Blocks(enlarge=2).apply({}, padded, False)[0, :12], rtol=1e-6)


def test_a_stated_multiple_gives_tiles():
    module = any_size(Stated(), 1)
    assert (module.size_multiple, module.scale, module.has_tiles) == (4, 1, True)
    spec = measure_spec(module, {"params": {}}, 1, "none")
    assert (spec.receptive_field_radius, spec.size_multiple, spec.max_untiled_pixels) == (3, 4, 100)


def test_a_module_of_the_package_stays_as_it_is():
    module = SRResNet(4, 1, 2, residual=True)
    assert any_size(module, 1) is module
    plain = any_size(Blocks(block=1), 1)
    assert isinstance(plain, AnySize) and plain.max_untiled_pixels == MAX_UNTILED_PIXELS


def test_a_module_of_one_size_is_refused():
    class Dense(nn.Module):
        @nn.compact
        def __call__(self, inputs, train):
            return nn.Dense(64)(inputs.reshape(len(inputs), 64)).reshape(inputs.shape)

    class Smaller(nn.Module):
        @nn.compact
        def __call__(self, inputs, train):
            return jax.nn.relu(jnp.asarray(inputs))[:, 1:]

    for module in (Dense(), Smaller()):
        with pytest.raises(
            UsageError, match=rf"the network {type(module).__name__} takes no images .*any size"
        ) as error:
            any_size(module, 1)
        assert "\n" not in str(error.value)
