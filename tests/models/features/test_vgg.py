from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen.commands.converters import vgg as conversion
from jaxgen.errors import UsageError
from jaxgen.models.features.vgg import VGG19

# Of torchvision's `cfgs["E"]`, up to the last convolution: channels, and M for a pooling.
COLUMN_E = "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512"
COLOURS = np.random.default_rng(0).uniform(size=(2, 37, 50, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def published():
    """PyTorch's VGG-19 with random weights that keep the size of its activations; torchvision's names."""
    import torch

    torch.manual_seed(0)
    layers, inputs = [], 3
    for word in COLUMN_E.split():
        if word == "M":
            layers.append(torch.nn.MaxPool2d(2, 2))
        else:
            layers += [torch.nn.Conv2d(inputs, int(word), 3, padding=1), torch.nn.ReLU()]
            inputs = int(word)
            torch.nn.init.kaiming_normal_(layers[-2].weight)
            torch.nn.init.uniform_(layers[-2].bias, -0.2, 0.2)
    return torch.nn.ModuleDict({"features": torch.nn.Sequential(*layers)})


@pytest.fixture(scope="module")
def theirs(published):
    """Features of the colours by PyTorch, [batch, height, width, channel]."""
    import torch

    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        found = published["features"](((torch.tensor(COLOURS) - mean) / deviation).permute(0, 3, 1, 2))
        return found.permute(0, 2, 3, 1).numpy()


@pytest.fixture(scope="module")
def variables(published):
    state = {name: value.numpy() for name, value in published.state_dict().items()}
    return conversion.variables(state, Path("x.pth"))


def test_features_agree_with_pytorch(variables, theirs):
    ours = jax.jit(VGG19().apply)(variables, COLOURS)
    assert ours.shape == (2, 2, 3, 512) and ours.dtype == np.float32
    assert 0.1 < (theirs > 0).mean() < 0.9
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * theirs.std())


@pytest.fixture(scope="module")
def abstract():
    """The network and shapes of its variables."""
    image = jax.ShapeDtypeStruct((1, 16, 16, 3), "float32")
    return VGG19(), jax.eval_shape(VGG19().init, jax.random.key(0), image)


def test_the_converted_file_has_every_variable_and_no_other(variables, abstract):
    shapes = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)
    assert shapes(variables) == shapes(abstract[1])


def test_one_channel_is_taken_for_all_three(variables):
    look, grey = jax.jit(VGG19().apply), COLOURS[:1, :16, :16, :1]
    np.testing.assert_allclose(look(variables, grey), look(variables, grey.repeat(3, -1)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((2, 32, 32, 4), ValueError, r"images of shape \(2, 32, 32, 4\): give \[batch, height, width, 1 or 3\]"),
        ((32, 32, 3), ValueError, r"images of shape \(32, 32, 3\)"),
        ((2, 32, 15, 3), UsageError, "image size 32x15: VGG-19 takes sides of at least 16 pixels"),
    ],
)
def test_what_it_cannot_look_at_is_refused(abstract, shape, kind, message):
    network, variables = abstract
    with pytest.raises(kind, match=message):
        jax.eval_shape(network.apply, variables, jax.ShapeDtypeStruct(shape, "float32"))
