"""LPIPS and DISTS against the authors' packages, with random weights in the trunks."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
import skimage.data

from jaxgen.commands.converters import convert
from jaxgen.errors import UsageError
from jaxgen.evaluation import perceptual
from jaxgen.io import weights
from jaxgen.metrics.image import METRICS
from jaxgen.metrics.protocols import PROTOCOLS

NETS = {
    "VGG-16": ("vgg", "vgg16"),
    "AlexNet": ("alex", "alexnet"),
    "SqueezeNet": ("squeeze", "squeezenet1_1"),
}
"""The names of each trunk in LPIPS' package and in torchvision."""
rng = np.random.default_rng(0)
REFERENCE = np.rint(255 * rng.uniform(size=(2, 37, 45, 3))).astype(np.float32) / 255
IMAGE = np.rint(255 * (0.7 * REFERENCE + 0.3 * np.roll(REFERENCE, 3, 2))).astype(np.float32) / 255


@pytest.fixture
def random_trunks(monkeypatch, torch_with_vision):
    """Makes torchvision's classifiers random ones, whatever is asked for, whose activations keep their size."""
    import torch
    from torchvision import models

    def randomized(features):
        torch.manual_seed(0)
        for layer in features.modules():
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(layer.weight)
                torch.nn.init.uniform_(layer.bias, -0.2, 0.2)
        return SimpleNamespace(features=features)

    # Without its dense layers: they have 120 million random numbers.
    vgg16 = lambda pretrained: randomized(models.vgg.make_layers(models.vgg.cfgs["D"]))
    monkeypatch.setattr(models, "vgg16", vgg16)
    for name in ("alexnet", "squeezenet1_1"):
        original = getattr(models, name)
        monkeypatch.setattr(models, name, lambda pretrained, original=original: randomized(original().features))


def save_trunk(features, path):
    """Writes a trunk as torchvision's state dict."""
    arrays = {f"features.{name}": value.numpy() for name, value in features.state_dict().items()}
    safetensors.numpy.save_file(arrays, path)


def to_torch(images):
    import torch

    return torch.tensor(images).permute(0, 3, 1, 2)


def computed(metric, file, reference=REFERENCE, image=IMAGE):
    """Returns the metric by the network in a file."""
    network = perceptual.load([metric], [file])[metric]
    return np.asarray(perceptual.compile_distance(metric, network, "rgb8")(reference, image))


@pytest.mark.parametrize("trunk", NETS)
def test_lpips_agrees_with_the_authors_package(trunk, random_trunks, tmp_path):
    package = pytest.importorskip("lpips", reason="the package lpips is not installed")
    import torch
    import torchvision.models

    net, model = NETS[trunk]
    theirs = package.LPIPS(net=net, pnet_rand=True, verbose=False)
    save_trunk(getattr(torchvision.models, model)(pretrained=False).features, tmp_path / "trunk.safetensors")
    # The authors' heads come with their package.
    heads = Path(package.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    convert("lpips", tmp_path / "trunk.safetensors", tmp_path / "x.safetensors", heads)
    with torch.no_grad():
        expected = theirs(to_torch(REFERENCE), to_torch(IMAGE), normalize=True).ravel().numpy()
    ours = computed("lpips", tmp_path / "x.safetensors")
    assert (expected > 1e-3).all()
    np.testing.assert_allclose(ours, expected, rtol=1e-4)
    assert weights.read_metadata(tmp_path / "x.safetensors")["network"] == f"LPIPS by {trunk}"


@pytest.fixture
def dists_file(random_trunks, tmp_path):
    """A file of DISTS with random weights, as the command writes it, and its alpha and beta."""
    import torch
    import torchvision.models

    save_trunk(torchvision.models.vgg16(pretrained=False).features, tmp_path / "trunk.safetensors")
    torch.manual_seed(1)
    values = {name: torch.nn.Parameter(torch.rand(1, 1475, 1, 1)) for name in ("alpha", "beta")}
    torch.save(values, tmp_path / "weights.pt")
    convert("dists", tmp_path / "trunk.safetensors", tmp_path / "dists.safetensors", tmp_path / "weights.pt")
    return tmp_path / "dists.safetensors", values


def test_dists_agrees_with_the_authors_package(dists_file):
    package = pytest.importorskip("DISTS_pytorch", reason="the package dists-pytorch is not installed")
    path, values = dists_file
    theirs = package.DISTS(load_weights=False)
    theirs.alpha, theirs.beta = values["alpha"], values["beta"]
    expected = theirs(to_torch(REFERENCE), to_torch(IMAGE)).detach().numpy()
    ours = computed("dists", path)
    assert (expected > 0.01).all()
    np.testing.assert_allclose(ours, expected, rtol=1e-4)


def test_our_own_distance_grows_with_the_damage_and_is_zero_without():
    name = "detector_distance"
    distance = perceptual.compile_distance(name, perceptual.load([name], [])[name], "rgb8")
    noise = rng.normal(size=REFERENCE.shape).astype(np.float32)
    smooth = np.broadcast_to(np.linspace(0.2, 0.8, 45, dtype=np.float32)[:, None], REFERENCE.shape)
    values = [np.asarray(distance(smooth, smooth + sigma * noise)) for sigma in (0, 0.05, 0.1, 0.2)]
    np.testing.assert_allclose(values[0], 0, atol=1e-6)
    assert (np.diff(values, axis=0) > 0.005).all()
    # A gray image is one with three equal channels.
    np.testing.assert_allclose(distance(smooth[..., :1], smooth[..., :1]), 0, atol=1e-6)


def test_a_metric_without_its_file_names_the_command_that_makes_it():
    for metric in perceptual.READERS.keys() - perceptual.SHIPPED.keys():
        message = f"{metric} needs the weights of its network: give --metric-weights FILE; jaxgen convert {metric}"
        with pytest.raises(UsageError, match=message) as caught:
            perceptual.load(["psnr", metric], [])
        assert "\n" not in str(caught.value)
    assert not perceptual.load(["psnr", "ssim"], [])


def test_files_that_do_not_fit_are_refused(tmp_path, dists_file):
    path, _ = dists_file
    with pytest.raises(UsageError, match=r"dists\.safetensors is for dists, which is not among the metrics"):
        perceptual.load(["lpips"], [path])
    with pytest.raises(UsageError, match="is a second file for dists: give one"):
        perceptual.load(["dists"], [path, path])
    with pytest.raises(UsageError, match="no weights at "):
        perceptual.load(["dists"], [tmp_path / "absent.safetensors"])
    variables, about = weights.read(path)
    other = tmp_path / "other.safetensors"
    weights.write(other, variables, {})
    with pytest.raises(UsageError, match="is for no metric: jaxgen convert lpips writes such a file, "):
        perceptual.load(["dists"], [other])
    weights.write(other, variables | {"alpha": np.zeros(3, np.float32)}, about)
    with pytest.raises(UsageError, match=r"does not hold DISTS: alpha is float32\[3\] and not float32\[1475\]"):
        perceptual.load(["dists"], [other])
    weights.write(other, variables, about | {"metric": "lpips", "trunk": "VGG-11"})
    with pytest.raises(UsageError, match="names no trunk of LPIPS, one of VGG-16, AlexNet, SqueezeNet"):
        perceptual.load(["lpips"], [other])


def test_every_metric_with_a_network_is_loaded_from_a_file_or_shipped():
    kinds = {name: x.network for name, x in METRICS.items() if x.network}
    assert {name for name, kind in kinds.items() if "file" in kind} == set(perceptual.READERS)
    assert {name for name, kind in kinds.items() if "shipped" in kind} == set(perceptual.SHIPPED)


def test_the_shipped_niqe_grows_with_noise_and_follows_the_protocol():
    networks = perceptual.load(["niqe"], [])
    assert networks["niqe"].about == "NIQE of BSDS500, training images, 887 blocks of 200 photographs"
    photograph = skimage.data.astronaut()[:200, 60:260].astype(np.float32)[None] / 255
    noisy = (photograph + 0.1 * rng.normal(size=photograph.shape)).clip(0, 1).astype(np.float32)
    by_luma, by_gray = (perceptual.compile_distances(networks, name)["niqe"] for name in ("y601-shave4", "gray8"))
    values = [float(by_luma(photograph, image)[0]) for image in (photograph, noisy)]
    # Four blocks have few statistics: whole photographs score about 3.
    assert 1 < values[0] < 8 and values[1] > values[0] + 3
    # The luma of the protocol, without its border, has the same score alone.
    luma = np.rint(255 * np.asarray(PROTOCOLS["y601-shave4"].transform(photograph))) / 255
    np.testing.assert_allclose(by_gray(luma, luma.astype(np.float32)), values[:1], rtol=1e-4)


def test_images_too_small_for_a_trunk_are_refused(dists_file):
    small = np.zeros((1, 15, 40, 3), np.float32)
    with pytest.raises(UsageError, match="image size 15x40: VGG-16 takes sides of at least 16 pixels"):
        computed("dists", dists_file[0], small, small)
