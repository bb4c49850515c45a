import jax
import numpy as np

from jaxgen.models.gan.pix2pix import Generator

SMALL = Generator((2, 3, 4))


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def test_the_papers_network(describe):
    network = describe(Generator((64, 128, 256, 512, 512, 512, 512, 512), dropout=0.0), (1, 256, 256, 3))
    assert network.output == (1, 256, 256, 3)
    down = ((3, 64), (64, 128), (128, 256), (256, 512), *[(512, 512)] * 4)
    up = ((512, 512), *[(1024, 512)] * 3, (1024, 256), (512, 128), (256, 64), (128, 3))
    norms = 2 * (128 + 256 + 4 * 512) + 2 * (4 * 512 + 256 + 128 + 64)
    assert network.parameters == sum(16 * i * o + o for i, o in (*down, *up)) + norms


def test_it_is_the_same_network_in_pytorch(draw, infer):
    import torch
    import torch.nn.functional as F

    inputs = images(2, 16, 8, 2)
    variables = draw(SMALL.clone(dropout=0.0, channels=1), inputs.shape)
    params = jax.tree.map(torch.tensor, variables["params"])

    def down(x, i):
        layer = params[f"down_{i}"]
        return F.conv2d(x, layer["kernel"].permute(3, 2, 0, 1), layer["bias"], stride=2, padding=1)

    def up(x, name):
        layer = params[name]
        return F.conv_transpose2d(x, layer["kernel"].permute(3, 2, 0, 1), layer["bias"], stride=2, padding=1)

    def normed(x, name):
        return F.instance_norm(x, weight=params[name]["scale"], bias=params[name]["bias"])

    first = down(2 * torch.tensor(inputs).permute(0, 3, 1, 2) - 1, 0)
    second = normed(down(F.leaky_relu(first, 0.2), 1), "down_1_norm")
    x = down(F.leaky_relu(second, 0.2), 2)
    x = torch.cat([normed(up(F.relu(x), "up_0"), "up_0_norm"), second], 1)
    x = torch.cat([normed(up(F.relu(x), "up_1"), "up_1_norm"), first], 1)
    expected = (torch.tanh(up(F.relu(x), "image")) + 1) / 2
    found = infer(SMALL.clone(channels=1), variables, inputs)
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=1e-4)


def test_dropout_is_its_noise_in_training_alone(draw, infer):
    inputs = images(2, 8, 8, 1)
    variables = draw(SMALL.clone(dropout=0.0), inputs.shape)
    keys = jax.random.split(jax.random.key(0), 2)
    half, none = SMALL, SMALL.clone(dropout=0.0)
    train = lambda network, keys: jax.device_get(
        jax.jit(network.apply, static_argnums=2)(variables, inputs, True, keys)
    )
    first, second = (train(half, k) for k in (keys, keys[::-1]))
    assert abs(first - second).max() > 1e-3
    assert abs(first - train(none, keys)).max() > 1e-3
    np.testing.assert_array_equal(infer(half, variables, inputs), infer(none, variables, inputs))
