import jax
import numpy as np
import pytest

from jaxgen.degradations.resampling import upsample
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.nn.cost import multiply_adds_per_pixel
from jaxgen.nn.receptive_field import receptive_field_radius

SMALL = SRResNet(4, 1)


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def test_the_papers_network(describe):
    network = describe(SRResNet(), (1, 6, 5, 3))
    assert network.output == (1, 24, 20, 3)
    ends = 81 * 3 * 64 + 64 + 64 + 81 * 64 * 3 + 3
    block = 2 * (9 * 64 * 64 + 2 * 64) + 64
    body, grow = 9 * 64 * 64 + 2 * 64, 9 * 64 * 256 + 256 + 64
    assert network.parameters == ends + 16 * block + body + 2 * grow


def test_it_is_the_same_network_in_pytorch(draw, infer):
    import torch
    import torch.nn.functional as F

    inputs = images(2, 5, 6, 3)
    variables = draw(SMALL, inputs.shape)
    params, stats = (jax.tree.map(torch.tensor, variables[name]) for name in ("params", "batch_stats"))

    def conv(x, name):
        kernel = params[name]["kernel"].permute(3, 2, 0, 1)
        return F.conv2d(x, kernel, params[name].get("bias"), padding=kernel.shape[-1] // 2)

    def normed(x, name):
        p, s = params[f"{name}_norm"], stats[f"{name}_norm"]
        return F.batch_norm(conv(x, name), s["mean"], s["var"], p["scale"], p["bias"])

    def prelu(x, name):
        return F.prelu(x, params[name]["slope"])

    first = prelu(conv(torch.tensor(inputs).permute(0, 3, 1, 2), "head"), "slope_head")
    x = first + normed(prelu(normed(first, "block_0_0"), "slope_0"), "block_0_1")
    x = first + normed(x, "body")
    for i in range(2):
        x = prelu(F.pixel_shuffle(conv(x, f"grow_{i}"), 2), f"slope_grow_{i}")
    expected = conv(x, "tail").permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(infer(SMALL, variables, inputs), expected, atol=2e-4)


def test_the_residual_network_adds_to_bicubic_interpolation(draw, infer):
    inputs = images(1, 4, 3, 1)
    network = SRResNet(4, 1, norm=False, residual=True, scale=2)
    variables = draw(network, inputs.shape)
    added = infer(network, variables, inputs) - infer(network.clone(residual=False), variables, inputs)
    np.testing.assert_allclose(added, upsample(inputs, 2), atol=1e-5)


@pytest.mark.parametrize("scale", [0, 3])
def test_a_scale_that_is_no_power_of_two_is_refused(describe, scale):
    with pytest.raises(ValueError, match=f"scale {scale}: give 1, 2, 4 or 8"):
        describe(SMALL.clone(scale=scale), (1, 4, 4, 3))


def test_receptive_field_and_cost_are_in_pixels_of_the_small_image():
    network = SRResNet(4, 1, scale=4, norm=False, residual=True)
    # 4 + 1 + 1 + 1 pixels, then a pixel of the first doubling is half of one: 1 + 1/2 + 4/4, and the bicubic sees less.
    assert receptive_field_radius(network, 1) == 4 + 3 + 1 + 1 + 1
    inside = 81 * 4 + 3 * 9 * 16 + 9 * 4 * 16 + 4 * 9 * 4 * 16 + 16 * 81 * 4
    assert multiply_adds_per_pixel(network, 1) == inside
