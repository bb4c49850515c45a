import jax
import numpy as np
import pytest

from jaxgen.models.restoration.nafnet import NAFNet
from jaxgen.nn.cost import multiply_adds_per_pixel

TINY = NAFNet(4, (1,), 1, (1,), channels=1)


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def block_parameters(c):
    norms, scales, attention = 4 * c, 2 * c, c * c + c
    return norms + scales + attention + 2 * (c * 2 * c + 2 * c) + 10 * 2 * c + 2 * (c * c + c)


def test_counts(describe):
    network = NAFNet(8, (1, 2), 3, (2, 1))
    shrink, grow = 4 * 8 * 16 + 16 + 4 * 16 * 32 + 32, 32 * 64 + 16 * 32
    blocks = 3 * block_parameters(8) + 3 * block_parameters(16) + 3 * block_parameters(32)
    ends = 9 * 3 * 8 + 8 + 9 * 8 * 3 + 3
    assert describe(network, (1, 8, 8, 3)).parameters == blocks + shrink + grow + ends
    # Of the attention's products there is one for each image, whatever its size.
    block = lambda c: 2 * 2 * c * c + 9 * 2 * c + 2 * c * c
    each = 9 * 2 * 3 * 8 + 3 * block(8) + 3 * block(16) / 4 + 3 * block(32) / 16
    each += (4 * 8 * 16 + 16 * 32) / 4 + (4 * 16 * 32 + 32 * 64) / 16
    assert multiply_adds_per_pixel(network, 3) == each


def test_it_is_the_same_network_in_pytorch(draw):
    import torch
    import torch.nn.functional as F

    inputs = images(2, 6, 8, 2)
    variables = draw(TINY, inputs.shape)
    params = jax.tree.map(torch.tensor, variables["params"])

    def conv(x, layer, **options):
        return F.conv2d(x, layer["kernel"].permute(3, 2, 0, 1), layer.get("bias"), **options)

    def norm(x, layer):
        x = F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], layer["scale"], layer["bias"], eps=1e-6)
        return x.permute(0, 3, 1, 2)

    def gate(x):
        first, second = x.chunk(2, 1)
        return first * second

    def block(x, p):
        wide = conv(norm(x, p["norm_0"]), p["expand"])
        kernel = p["depthwise"]["kernel"].permute(2, 0, 1)[:, None]
        wide = gate(F.conv2d(wide, kernel, p["depthwise"]["bias"], padding=1, groups=wide.shape[1]))
        wide = wide * conv(F.adaptive_avg_pool2d(wide, 1), p["attention"])
        x = x + conv(wide, p["project"]) * p["beta"][:, None, None]
        return x + conv(gate(conv(norm(x, p["norm_1"]), p["feed_0"])), p["feed_1"]) * p["gamma"][:, None, None]

    kept = block(conv(torch.tensor(inputs).permute(0, 3, 1, 2), params["head"], padding=1), params["down_0_0"])
    x = block(conv(kept, params["shrink_0"], stride=2), params["middle_0"])
    x = block(kept + F.pixel_shuffle(conv(x, params["grow_0"]), 2), params["up_0_0"])
    theirs = inputs[..., :1] + conv(x, params["tail"], padding=1).permute(0, 2, 3, 1).numpy()
    ours = jax.jit(TINY.apply, static_argnums=2)(variables, inputs, False)
    assert np.abs(ours - inputs[..., :1]).max() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_blocks_are_initially_the_identity():
    inputs, call = images(1, 5, 6, 2), jax.jit(TINY.apply, static_argnums=2)
    variables = jax.jit(lambda key: TINY.init(key, inputs, True))(jax.random.key(0))
    is_block = lambda name: name.startswith(("down", "middle", "up"))
    # All that a block has but its two scales.
    move = lambda layer: (
        jax.tree.map(lambda leaf: leaf + 1, layer) | {scale: layer[scale] for scale in ("beta", "gamma")}
    )
    moved = {name: move(layer) if is_block(name) else layer for name, layer in variables["params"].items()}
    before = call(variables, inputs, False)
    np.testing.assert_array_equal(call({"params": moved}, inputs, False), before)
    silent = variables["params"] | {"tail": jax.tree.map(np.zeros_like, variables["params"]["tail"])}
    np.testing.assert_array_equal(call({"params": silent}, inputs, False), inputs[..., :1])
    assert np.abs(before - inputs[..., :1]).max() > 0


def test_a_decoder_of_other_depth_is_refused(describe):
    with pytest.raises(ValueError, match="an encoder of 1 levels and a decoder of 2"):
        describe(NAFNet(4, (1,), 1, (1, 1)), (1, 4, 4, 1))
