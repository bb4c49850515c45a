import sys
from itertools import pairwise

import numpy as np
import pytest

from jaxgen.commands.converters import denoisers
from jaxgen.commands.main import main
from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.restoration import pretrained

DEPTH, WIDTH = 4, 6
CHANNELS = {"gray": 1, "colour": 3}


@pytest.fixture(params=CHANNELS)
def channels(request):
    return CHANNELS[request.param]


def stack(inputs, outputs, batch_norm=False):
    """Returns the published stack of convolutions, by the published names, with random weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    widths = [inputs, *[WIDTH] * (DEPTH - 1), outputs]
    layers = []
    for i, o in pairwise(widths):
        layers.append(nn.Conv2d(i, o, 3, padding=1))
        if batch_norm and len(layers) > 1 and o == WIDTH:
            layers.append(nn.BatchNorm2d(o, eps=1e-4))
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(layers[-1], name).data.uniform_(0.2, 1.5)
        layers.append(nn.ReLU())
    return nn.ModuleDict({"model": nn.Sequential(*layers[:-1])}).eval()


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def dncnn(network, noisy):
    import torch

    x = torch.tensor(noisy).permute(0, 3, 1, 2)
    with torch.no_grad():
        return (x - network["model"](x)).permute(0, 2, 3, 1).numpy()


def ffdnet(network, noisy, sigma):
    import torch
    import torch.nn.functional as F

    x = torch.tensor(noisy).permute(0, 3, 1, 2)
    height, width = x.shape[2:]
    x = F.pixel_unshuffle(F.pad(x, (0, width % 2, 0, height % 2), "replicate"), 2)
    with torch.no_grad():
        x = F.pixel_shuffle(network["model"](torch.cat([x, torch.full_like(x[:, :1], sigma)], 1)), 2)
    return x.permute(0, 2, 3, 1)[:, :height, :width].numpy()


def rebuilt(path):
    """Returns what the network in a file makes of images."""
    return pretrained.load_restorer(str(path)).network


def save(state, path):
    """Writes a state dict as its suffix says."""
    import torch
    from safetensors.torch import save_file

    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["merged", "batch norm"])
def test_a_dncnn_of_pytorch_computes_the_same(tmp_path, channels, batch_norm, suffix):
    network, noisy = stack(channels, channels, batch_norm), images(1, 7, 6, channels)
    save(network.state_dict(), tmp_path / f"published{suffix}")
    denoisers.convert(tmp_path / f"published{suffix}", tmp_path / "ours.safetensors")
    theirs = dncnn(network, noisy)
    assert np.abs(theirs - noisy).max() > 0.01
    np.testing.assert_allclose(rebuilt(tmp_path / "ours.safetensors")(noisy), theirs, atol=1e-5)


def test_an_ffdnet_of_pytorch_computes_the_same_on_odd_sizes(tmp_path, channels):
    network, noisy = stack(4 * channels + 1, 4 * channels), images(1, 7, 5, channels)
    save(network.state_dict(), tmp_path / "published.pth")
    denoisers.convert(tmp_path / "published.pth", tmp_path / "ours.safetensors")
    inputs = np.concatenate([noisy, np.full_like(noisy[..., :1], 0.3)], -1)
    np.testing.assert_allclose(rebuilt(tmp_path / "ours.safetensors")(inputs), ffdnet(network, noisy, 0.3), atol=1e-5)


def matlab(layers):
    """Returns a cell of structs, as MatConvNet keeps a network."""
    cell = np.empty((1, len(layers)), object)
    cell[0] = layers
    return {"net": {"layers": cell}}


def arrays(*values):
    cell = np.empty((1, len(values)), object)
    cell[0] = values
    return cell


def of_torch(network):
    """Returns the structs of a stack: kernels [height, width, in, out], biases and moments as columns."""
    layers = []
    for layer in network["model"]:
        leaves = {name: value.numpy() for name, value in layer.state_dict().items()}
        if "running_var" in leaves:
            moments = np.stack([leaves["running_mean"], np.sqrt(leaves["running_var"] + 1e-4)], 1)
            columns = leaves["weight"][:, None], leaves["bias"][:, None], moments
            layers.append({"type": "bnorm", "weights": arrays(*columns)})
        elif leaves:
            kernel = leaves["weight"].transpose(2, 3, 1, 0)
            # MATLAB has no axes of length one behind the second.
            kernel = kernel[..., 0] if kernel.shape[3] == 1 else kernel
            layers.append({"type": "conv", "weights": arrays(kernel, leaves["bias"][:, None]), "pad": 1, "stride": 1})
        else:
            layers.append({"type": "relu", "leak": 0})
    return layers


@pytest.mark.parametrize("batch_norm", [False, True], ids=["merged", "batch norm"])
def test_a_dncnn_of_matconvnet_computes_the_same(tmp_path, channels, batch_norm):
    from scipy.io import savemat

    network, noisy = stack(channels, channels, batch_norm), images(1, 6, 7, channels)
    savemat(tmp_path / "sigma=25.mat", matlab([*of_torch(network), {"type": "loss"}]))
    denoisers.convert(tmp_path / "sigma=25.mat", tmp_path / "ours.safetensors")
    np.testing.assert_allclose(rebuilt(tmp_path / "ours.safetensors")(noisy), dncnn(network, noisy), atol=1e-5)


def columns_first(kernel, axis):
    """Returns a kernel whose blocks of four channels along an axis are read column by column."""
    order = np.arange(4 * (kernel.shape[axis] // 4)).reshape(-1, 2, 2).swapaxes(1, 2).ravel()
    rest = np.arange(order.size, kernel.shape[axis])
    return np.take(kernel, np.concatenate([order, rest]), axis)


def test_an_ffdnet_of_matconvnet_reads_its_blocks_column_by_column(tmp_path, channels):
    from scipy.io import savemat

    network, noisy = stack(4 * channels + 1, 4 * channels), images(1, 6, 4, channels)
    layers = of_torch(network)
    first, last = layers[0]["weights"][0], layers[-1]["weights"][0]
    first[0], last[0], last[1] = columns_first(first[0], 2), columns_first(last[0], 3), columns_first(last[1], 0)
    layers = [{"type": "SubP", "scale": 0.5}, {"type": "concat"}, *layers, {"type": "SubP", "scale": 2.0}]
    savemat(tmp_path / "FFDNet.mat", matlab(layers))
    denoisers.convert(tmp_path / "FFDNet.mat", tmp_path / "ours.safetensors")
    inputs = np.concatenate([noisy, np.full_like(noisy[..., :1], 0.1)], -1)
    np.testing.assert_allclose(rebuilt(tmp_path / "ours.safetensors")(inputs), ffdnet(network, noisy, 0.1), atol=1e-5)


def test_the_file_tells_what_it_holds_and_is_the_same_every_time(tmp_path):
    source = tmp_path / "published.safetensors"
    save(stack(1, 1).state_dict(), source)
    digests = {denoisers.convert(source, tmp_path / f"{i}.safetensors") for i in range(2)}
    assert len(digests) == 1
    card = pretrained.read(str(tmp_path / "0.safetensors"))[1]
    assert (card.architecture, card.command) == ("DnCNN", "jaxgen convert denoiser")
    assert card.fields["depth"] == DEPTH
    assert card.fields["width"] == WIDTH
    assert card.fields["batch_norm"] is False
    assert (card.spec.channels, card.spec.conditioning, card.spec.receptive_field_radius) == (1, "none", DEPTH)
    assert card.training == f"by those who published published.safetensors, sha256 {weights.digest(source)}"


def test_more_than_ten_layers_are_in_the_order_of_their_numbers():
    names = [f"model.{i}" for i in (0, 2, 10, 12)]
    assert sorted(reversed(names), key=denoisers.layer_index) == names


def refused(source, tmp_path, words):
    with pytest.raises(UsageError, match=words) as caught:
        denoisers.convert(source, tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x.safetensors").exists()


def test_other_networks_and_other_files_are_refused(tmp_path):
    import torch
    from scipy.io import savemat

    save(stack(2, 1).state_dict(), tmp_path / "other.pth")
    refused(tmp_path / "other.pth", tmp_path, r"has convolutions 3x3x2x6, .*: give the weights of DnCNN or FFDNet")
    save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "dense.pth")
    refused(tmp_path / "dense.pth", tmp_path, "fc is no convolution and no batch norm")
    savemat(tmp_path / "empty.mat", {"other": 1})
    refused(tmp_path / "empty.mat", tmp_path, "holds no struct `net` with layers")
    savemat(tmp_path / "pool.mat", matlab([{"type": "pool"}, {"type": "relu"}]))
    refused(tmp_path / "pool.mat", tmp_path, "has a layer pool")
    save({"alone": torch.zeros(2, 2)}, tmp_path / "alone.pth")
    refused(tmp_path / "alone.pth", tmp_path, "a tensor without a layer has no weight")
    (tmp_path / "nothing.pth").touch()
    refused(tmp_path / "nothing.pth", tmp_path, r"nothing\.pth is no file of tensors by name")
    (tmp_path / "damaged.pth").write_bytes(b"no weights")
    refused(tmp_path / "damaged.pth", tmp_path, r"damaged\.pth is no file of tensors by name")
    (tmp_path / "damaged.mat").write_bytes(b"no weights")
    refused(tmp_path / "damaged.mat", tmp_path, "holds no struct `net`")
    (tmp_path / "weights.onnx").touch()
    refused(tmp_path / "weights.onnx", tmp_path, r"ends in \.onnx: weights end in \.pth, \.pt, \.safetensors, \.mat")
    refused(tmp_path / "absent.pth", tmp_path, "no file .*: give the published weights")


def test_a_file_that_would_run_code_is_not_unpickled(tmp_path):
    import torch

    class Trap:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    torch.save({"model.0.weight": Trap()}, tmp_path / "trap.pth")
    refused(tmp_path / "trap.pth", tmp_path, "is no file of tensors by name")
    assert not (tmp_path / "ran").exists()


def test_without_pytorch_the_error_names_the_package_to_install(tmp_path, monkeypatch):
    (tmp_path / "published.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", None)
    refused(tmp_path / "published.pth", tmp_path, "is read by PyTorch .*pip install torch")


def test_a_target_that_cannot_be_written_is_named(tmp_path):
    save(stack(1, 1).state_dict(), tmp_path / "published.safetensors")
    with pytest.raises(UsageError, match=r"cannot write .*name a file in a folder that exists"):
        denoisers.convert(tmp_path / "published.safetensors", tmp_path / "absent" / "x.safetensors")


def test_the_command_tells_the_new_files_digest(tmp_path, capsys):
    source, target = tmp_path / "published.safetensors", tmp_path / "ours.safetensors"
    save(stack(1, 1).state_dict(), source)
    with pytest.raises(SystemExit) as stop:
        main(["convert", "denoiser", str(source), str(target)])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"{target}: sha256 {weights.digest(target)}\n"


def test_a_missing_file_ends_the_command_with_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["convert", "denoiser", str(tmp_path / "absent.pth"), str(tmp_path / "x.safetensors")])
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert "absent.pth: give the published weights" in err
