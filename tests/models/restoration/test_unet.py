from itertools import pairwise

import jax
import numpy as np

from jaxgen.models.restoration.unet import UNet
from jaxgen.nn.cost import multiply_adds_per_pixel


def test_the_papers_network(describe):
    widths, channels = (64, 128, 256, 512, 1024), 1
    unet = describe(UNet(), (1, 32, 48, channels))
    pairs = [(channels, 64), *pairwise(widths)]
    twice = sum(9 * (i * o + o * o) + 2 * o for i, o in pairs)
    ups = sum(4 * i * o + o + 9 * (2 * o * o + o * o) + 2 * o for o, i in pairwise(widths))
    assert unet.parameters == twice + ups + 64 + 1
    assert unet.output == (1, 32, 48, channels)


def test_multiply_adds():
    shallow = 9 * (2 * 3 + 3 * 3) + 9 * (6 * 3 + 3 * 3) + 3
    deep = 9 * (3 * 5 + 5 * 5) + 4 * 5 * 3
    assert multiply_adds_per_pixel(UNet((3, 5), channels=1), 2) == shallow + deep / 4


def test_the_output_is_the_image_or_is_added_to_it(draw):
    network, inputs = UNet((2, 3), channels=1), np.random.default_rng(0).uniform(size=(1, 5, 6, 2)).astype("float32")
    variables = draw(network, inputs.shape)
    added, image = (
        jax.jit(network.clone(residual=residual).apply, static_argnums=2)(variables, inputs, False)
        for residual in (True, False)
    )
    np.testing.assert_allclose(added, inputs[..., :1] + image, atol=1e-6)


def test_it_is_the_same_network_in_pytorch(draw):
    import torch
    import torch.nn.functional as F

    network = UNet((2, 3, 4), residual=False)
    inputs = np.random.default_rng(0).uniform(size=(2, 8, 12, 2)).astype("float32")
    variables = draw(network, inputs.shape)
    params = jax.tree.map(torch.tensor, variables["params"])

    def conv(x, name, convolve=F.conv2d, **options):
        return convolve(x, params[name]["kernel"].permute(3, 2, 0, 1), params[name]["bias"], **options)

    twice = lambda x, name: F.relu(conv(F.relu(conv(x, f"{name}_0", padding=1)), f"{name}_1", padding=1))
    grow = lambda x, name: conv(x, name, F.conv_transpose2d, stride=2)
    x0 = twice(torch.tensor(inputs).permute(0, 3, 1, 2), "down_0")
    x1 = twice(F.max_pool2d(x0, 2), "down_1")
    x = twice(F.max_pool2d(x1, 2), "bottom")
    x = twice(torch.cat([x1, grow(x, "grow_1")], 1), "up_1")
    x = twice(torch.cat([x0, grow(x, "grow_0")], 1), "up_0")
    theirs = conv(x, "last").permute(0, 2, 3, 1).numpy()
    ours = jax.jit(network.apply, static_argnums=2)(variables, inputs, False)
    assert np.ptp(theirs) > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
