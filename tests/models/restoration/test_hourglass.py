import jax
import numpy as np

from jaxgen.degradations.resampling import resize
from jaxgen.models.restoration.hourglass import Hourglass

SMALL = Hourglass(channels=1, width=3, levels=2, skip=2)


def noise(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def test_outputs_of_any_size_are_in_the_unit_interval(describe, draw, infer):
    assert describe(Hourglass(), (1, 37, 50, 32)).output == (1, 37, 50, 3)
    inputs = noise(1, 9, 6, 4)
    found = infer(SMALL, draw(SMALL, inputs.shape), inputs)
    assert 0 < found.min() < found.max() < 1


def test_it_is_the_same_network_in_pytorch(draw, infer, computed):
    import torch
    import torch.nn.functional as F

    inputs = noise(2, 8, 12, 4)
    variables = draw(SMALL, inputs.shape)
    params = jax.tree.map(torch.tensor, variables["params"])

    def normed(x, name):
        return F.instance_norm(x, weight=params[name]["scale"], bias=params[name]["bias"])

    def block(x, name, stride=1):
        kernel = params[name]["kernel"].permute(3, 2, 0, 1)
        if stride == 2:
            # "SAME" on an even side adds a pixel behind alone.
            x, pad = F.pad(x, (0, 1, 0, 1)), 0
        else:
            pad = kernel.shape[-1] // 2
        x = F.conv2d(x, kernel, params[name]["bias"], stride=stride, padding=pad)
        return F.leaky_relu(normed(x, f"{name}_norm"), 0.2)

    def level(x, i):
        across = block(x, f"skip_{i}")
        below = block(block(x, f"shrink_{i}", 2), f"down_{i}")
        if i == 0:
            below = level(below, 1)
        grown = computed(lambda images: resize(images, *x.shape[2:], "bilinear"), below.permute(0, 2, 3, 1).numpy())
        joined = torch.cat([across, torch.tensor(grown).permute(0, 3, 1, 2)], 1)
        return block(block(normed(joined, f"join_{i}"), f"up_{i}"), f"mix_{i}")

    x = level(torch.tensor(inputs).permute(0, 3, 1, 2), 0)
    last = params["image"]
    expected = torch.sigmoid(F.conv2d(x, last["kernel"].permute(3, 2, 0, 1), last["bias"]))
    np.testing.assert_allclose(infer(SMALL, variables, inputs), expected.permute(0, 2, 3, 1).numpy(), atol=1e-4)
