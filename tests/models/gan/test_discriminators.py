import jax
import numpy as np
import pytest

from jaxgen.models.gan.discriminators import CropDiscriminator, PatchDiscriminator


def images(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def test_srgans_discriminator(describe):
    network = describe(CropDiscriminator(), (2, 96, 96, 3))
    assert network.output == (2,)
    kernels = {name: layer["kernel"].shape for name, layer in network.variables["params"].items() if "kernel" in layer}
    assert len([name for name in kernels if name.startswith("conv")]) == 8
    assert kernels["conv_3_2"] == (3, 3, 512, 512)
    assert kernels["dense"] == (6 * 6 * 512, 1024)
    assert "norm_0_1" not in network.variables["params"]


def test_pix2pixs_discriminator(describe):
    network = describe(PatchDiscriminator(), (1, 256, 256, 6))
    assert network.output == (1, 30, 30)
    pairs = ((6, 64), (64, 128), (128, 256), (256, 512), (512, 1))
    kernels, norms = sum(16 * i * o for i, o in pairs), 2 * (128 + 256 + 512)
    assert network.parameters == kernels + norms + 64 + 1


def test_a_logit_sees_seventy_pixels_of_a_side(draw):
    network, x = PatchDiscriminator((2, 2, 2), norm="none"), images(1, 96, 96, 1)
    variables = draw(network, x.shape)
    slope = np.asarray(jax.jit(jax.grad(lambda x: network.apply(variables, x, False)[0, 5, 5]))(x))
    rows, columns = np.nonzero(abs(slope[0, ..., 0]).max(1))[0], np.nonzero(abs(slope[0, ..., 0]).max(0))[0]
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (70, 70)


@pytest.mark.parametrize("norm", ["batch", "instance", "spectral"])
def test_patches_are_judged_as_pytorch_judges_them(norm, infer):
    import torch
    import torch.nn.functional as F

    network, x = PatchDiscriminator((2, 3), norm), images(2, 24, 16, 1)
    variables = jax.tree.map(np.array, jax.jit(lambda x: network.init(jax.random.key(0), x, False))(x))
    params = jax.tree.map(torch.tensor, variables["params"])
    stats = jax.tree.map(torch.tensor, {name: value for name, value in variables.items() if name != "params"})

    def conv(x, name, stride):
        kernel = params[name]["kernel"]
        if norm == "spectral":
            matrix, u = kernel.reshape(-1, kernel.shape[-1]), stats["spectral"][name]["spectral"]["u"]
            left = F.normalize(matrix @ u, dim=0)
            kernel = kernel / (left @ matrix @ u)
        return F.conv2d(x, kernel.permute(3, 2, 0, 1), params[name].get("bias"), stride=stride, padding=1)

    def normed(x, name):
        p = params.get(name)
        if norm == "instance":
            return F.instance_norm(x, weight=p["scale"], bias=p["bias"])
        if norm == "batch":
            s = stats["batch_stats"][name]
            return F.batch_norm(x, s["mean"], s["var"], p["scale"], p["bias"])
        return x

    y = F.leaky_relu(conv(torch.tensor(x).permute(0, 3, 1, 2), "conv_0", 2), 0.2)
    y = F.leaky_relu(normed(conv(y, "conv_1", 2), "norm_1"), 0.2)
    y = F.leaky_relu(normed(conv(y, "conv_2", 1), "norm_2"), 0.2)
    np.testing.assert_allclose(infer(network, variables, x), conv(y, "logit", 1)[:, 0].numpy(), atol=1e-4)
