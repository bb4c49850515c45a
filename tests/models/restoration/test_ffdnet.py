import jax
import numpy as np
import pytest

from jaxgen.models.restoration.ffdnet import FFDNet
from jaxgen.nn.cost import multiply_adds_per_pixel


@pytest.mark.parametrize(("fields", "channels", "thousands"), [({}, 1, 485), ({"depth": 12, "width": 96}, 3, 852)])
def test_the_published_networks(describe, fields, channels, thousands):
    network = FFDNet(**fields, channels=channels)
    depth, width = network.depth, network.width
    kernels = 9 * ((4 * channels + 1) * width + (depth - 2) * width**2 + 4 * channels * width)
    count = describe(network, (1, 8, 6, channels + 1)).parameters
    assert count == kernels + (depth - 1) * width + 4 * channels
    assert count // 1000 == thousands
    assert multiply_adds_per_pixel(network, channels + 1) == kernels / 4


def test_the_noise_level_is_averaged_over_four_pixels(draw):
    network, rng = FFDNet(3, 4, channels=1), np.random.default_rng(0)
    inputs = rng.uniform(size=(1, 6, 4, 2)).astype("float32")
    other = inputs.copy()
    other[:, 2:4, :2, 1] = other[:, 2:4, :2, 1][:, ::-1, ::-1]
    call, variables = jax.jit(network.apply, static_argnums=2), draw(network, inputs.shape)
    assert np.abs(inputs - other).max() > 0
    np.testing.assert_allclose(call(variables, inputs, False), call(variables, other, False), atol=1e-6)
    other[:, 2, 0, 1] += 1
    assert np.abs(call(variables, inputs, False) - call(variables, other, False)).max() > 1e-3
