import jax
import numpy as np

from jaxgen.models.restoration.aod_net import AODNet
from jaxgen.nn.receptive_field import receptive_field_radius


def test_the_papers_network(describe):
    assert describe(AODNet(), (1, 7, 5, 3)).parameters == 1761
    assert receptive_field_radius(AODNet(), 3) == 0 + 1 + 2 + 3 + 1


def test_it_is_the_same_network_in_pytorch(draw, infer):
    import torch
    import torch.nn.functional as F

    inputs = np.random.default_rng(0).uniform(size=(2, 9, 8, 3)).astype("float32")
    variables = draw(AODNet(), inputs.shape)
    params = jax.tree.map(torch.tensor, variables["params"])

    def conv(i, *x):
        kernel = params[f"conv_{i}"]["kernel"].permute(3, 2, 0, 1)
        return F.relu(F.conv2d(torch.cat(x, 1), kernel, params[f"conv_{i}"]["bias"], padding=kernel.shape[-1] // 2))

    image = torch.tensor(inputs).permute(0, 3, 1, 2)
    one = conv(0, image)
    two = conv(1, one)
    three = conv(2, one, two)
    four = conv(3, two, three)
    k = conv(4, one, two, three, four)
    expected = F.relu(k * image - k + 1).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(infer(AODNet(), variables, inputs), expected, atol=1e-5)


def test_a_map_that_inverts_the_scattering_recovers_the_scene():
    # Equation 5: K = ((I − A) / t + A − b) / (I − 1), so that K · I − K + b = (I − A) / t + A.
    rng = np.random.default_rng(1)
    scene, transmission, airlight = rng.uniform(size=(4, 3)), rng.uniform(0.3, 1, (4, 1)), 0.9
    haze = scene * transmission + airlight * (1 - transmission)
    k = ((haze - airlight) / transmission + airlight - 1) / (haze - 1)
    np.testing.assert_allclose(k * haze - k + 1, scene)
