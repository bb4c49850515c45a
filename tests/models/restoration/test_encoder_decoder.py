import itertools

import jax
import numpy as np
import pytest

from jaxgen.models.restoration.encoder_decoder import EncoderDecoder, joined, squares

SMALL = EncoderDecoder(8, (3, 4), 5)


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def test_the_default_network(describe):
    network = describe(EncoderDecoder(), (1, 64, 64, 3))
    assert network.output == (1, 64, 64, 3)
    widths = (3, 64, 128, 256, 512, 1024)
    down = sum(9 * i * o + o for i, o in itertools.pairwise(widths))
    up = sum(16 * i * o + i for i, o in itertools.pairwise(widths))
    assert network.parameters == down + 4 * (4096 * 4096 + 4096) + up == 84_540_995
    kernels = {name: layer["kernel"].shape for name, layer in network.variables["params"].items()}
    assert kernels["encode_1"] == kernels["decode_0"] == (4096, 4096)
    assert kernels["up_0"] == (4, 4, 512, 1024)
    assert kernels["image"] == (4, 4, 3, 64)


def test_squares_are_reassembled():
    x = images(2, 8, 12, 3)
    parts = squares(x, 4)
    np.testing.assert_array_equal(parts[1], x[0, :4, 4:8])
    np.testing.assert_array_equal(joined(parts, 8, 12), x)


def test_squares_are_restored_independently(draw, infer):
    x = images(1, 8, 16, 1)
    variables = draw(SMALL, x.shape)
    whole = infer(SMALL, variables, x)
    np.testing.assert_allclose(whole[:, :, 8:], infer(SMALL, variables, x[:, :, 8:]), atol=1e-6)


def test_it_is_the_same_network_in_pytorch(draw, infer):
    import torch
    import torch.nn.functional as F

    inputs = images(2, 8, 8, 2)
    variables = draw(SMALL, inputs.shape)
    params = jax.tree.map(torch.tensor, variables["params"])

    def dense(x, name):
        return F.relu(x @ params[name]["kernel"] + params[name]["bias"])

    def grown(x, name):
        kernel = params[name]["kernel"].permute(3, 2, 0, 1)
        return F.conv_transpose2d(x, kernel, params[name]["bias"], stride=2, padding=1)

    x = torch.tensor(inputs).permute(0, 3, 1, 2)
    for name in ("down_0", "down_1"):
        # "SAME" at stride 2 on an even side adds a pixel behind alone.
        kernel = params[name]["kernel"].permute(3, 2, 0, 1)
        x = F.relu(F.conv2d(F.pad(x, (0, 1, 0, 1)), kernel, params[name]["bias"], stride=2))
    x = x.permute(0, 2, 3, 1).reshape(2, -1)
    for name in ("encode_0", "encode_1", "decode_0", "decode_1"):
        x = dense(x, name)
    x = F.relu(grown(x.reshape(2, 2, 2, 4).permute(0, 3, 1, 2), "up_0"))
    expected = (torch.tanh(grown(x, "image")) + 1) / 2
    np.testing.assert_allclose(infer(SMALL, variables, inputs), expected.permute(0, 2, 3, 1).numpy(), atol=1e-5)


def test_widths_that_do_not_fit_the_size_are_refused(describe):
    with pytest.raises(ValueError, match="2 convolutions of stride 2 on 16 pixels: give a size of 8"):
        describe(EncoderDecoder(16, (3, 4), 5), (1, 16, 16, 1))
