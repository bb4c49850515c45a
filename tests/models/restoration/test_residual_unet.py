from functools import partial

import jax
import numpy as np

from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.nn.cost import multiply_adds_per_pixel, parameters

TINY = ResidualUNet((3, 5, 4), blocks=1, channels=1)


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def test_the_measured_network_has_587_thousand_parameters_and_27_thousand_multiply_adds_a_pixel(describe):
    fine, middle, coarse = (2 * 9 * width**2 for width in (24, 48, 96))
    head, tail, down, deeper = 9 * 8 * 24, 9 * 24 * 4, 4 * 24 * 48, 4 * 48 * 96
    network = ResidualUNet(channels=1)
    variables = describe(network, (1, 16, 16, 2)).variables
    assert parameters(variables) == head + 4 * fine + 4 * middle + 2 * coarse + 2 * down + 2 * deeper + tail == 587_808
    # A transposed convolution sits at the coarse resolution, as the strided one's outputs do.
    each = (head + 4 * fine + tail) / 4 + (4 * middle + 2 * down) / 16 + (2 * coarse + 2 * deeper) / 64
    assert multiply_adds_per_pixel(network, 2) == each == 27_720


def test_it_is_the_same_network_in_pytorch(draw):
    import torch
    import torch.nn.functional as F

    inputs = images(2, 16, 24, 2)
    variables = draw(TINY, inputs.shape)
    kernel = lambda name: torch.tensor(np.asarray(variables["params"][name]["kernel"])).permute(3, 2, 0, 1)

    def block(x, name):
        first, second = (
            torch.tensor(variables["params"][name][part]["kernel"]).permute(3, 2, 0, 1) for part in ("conv_0", "conv_1")
        )
        return x + F.conv2d(F.relu(F.conv2d(x, first, padding=1)), second, padding=1)

    x0 = F.conv2d(F.pixel_unshuffle(torch.tensor(inputs).permute(0, 3, 1, 2), 2), kernel("head"), padding=1)
    x1 = F.conv2d(block(x0, "down_0_0"), kernel("shrink_0"), stride=2)
    x2 = F.conv2d(block(x1, "down_1_0"), kernel("shrink_1"), stride=2)
    x = x2 + block(x2, "down_2_0")
    x = x1 + block(F.conv_transpose2d(x, kernel("grow_1"), stride=2), "up_1_0")
    x = x0 + block(F.conv_transpose2d(x, kernel("grow_0"), stride=2), "up_0_0")
    theirs = F.pixel_shuffle(F.conv2d(x, kernel("tail"), padding=1), 2).permute(0, 2, 3, 1).numpy() + inputs[..., :1]
    ours = jax.jit(TINY.apply, static_argnums=2)(variables, inputs, False)
    assert np.abs(ours - inputs[..., :1]).max() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_image_and_noise_level_scaled_together_scale_the_result(draw):
    inputs = images(1, 9, 7, 2)
    call = partial(jax.jit(TINY.apply, static_argnums=2), draw(TINY, inputs.shape))
    np.testing.assert_allclose(call(3 * inputs, False), 3 * call(inputs, False), rtol=1e-4, atol=1e-5)


def test_it_is_initially_the_identity():
    inputs = images(1, 8, 8, 2)
    restored, _ = jax.jit(lambda key: TINY.init_with_output(key, inputs, True))(jax.random.key(0))
    np.testing.assert_array_equal(restored, inputs[..., :1])
