import jax
import numpy as np
import pytest

from jaxgen.commands.converters import inception
from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.models.features.inception import ConvRelu


@pytest.fixture(scope="module")
def network():
    """A convolution and its batch norm, inside a block, and a dense layer, by the names of the published file."""
    import torch

    torch.manual_seed(0)
    layer = torch.nn.ModuleDict(
        {"conv": torch.nn.Conv2d(3, 5, (1, 7), bias=False), "bn": torch.nn.BatchNorm2d(5, eps=1e-3)}
    )
    network = torch.nn.ModuleDict(
        {"Mixed_6b": torch.nn.ModuleDict({"branch7x7_2": layer}), "fc": torch.nn.Linear(4, 6)}
    ).eval()
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(layer["bn"], name).data.uniform_(0.2, 1.5)
    return network


@pytest.fixture
def source(network, tmp_path, monkeypatch):
    """The network's file, which passes for the published one."""
    import torch

    path = tmp_path / "published.pth"
    torch.save(network.state_dict(), path)
    monkeypatch.setattr(inception, "DIGEST", weights.digest(path)[:8])
    return path


def test_the_written_file_computes_what_the_published_one_does(network, source, tmp_path):
    import torch

    target = tmp_path / "inception.safetensors"
    digest = inception.convert(source, target)
    variables, about = weights.read(target, digest)
    assert inception.URL in about["source"]
    assert jax.tree.map(lambda x: x.dtype, variables) == {
        "params": {
            "Mixed_6b": {"branch7x7_2": {"kernel": np.float32, "bias": np.float32}},
            "fc": {"kernel": np.float32, "bias": np.float32},
        }
    }
    images = np.random.default_rng(0).normal(size=(2, 4, 9, 3)).astype(np.float32)
    layer = network["Mixed_6b"]["branch7x7_2"]
    with torch.no_grad():
        theirs = layer["bn"](layer["conv"](torch.tensor(images).permute(0, 3, 1, 2))).relu().permute(0, 2, 3, 1)
    ours = ConvRelu(5, (1, 7), pad=False).apply({"params": variables["params"]["Mixed_6b"]["branch7x7_2"]}, images)
    assert (theirs > 0).any()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_array_equal(variables["params"]["fc"]["kernel"].T, network["fc"].weight.detach())
    np.testing.assert_array_equal(variables["params"]["fc"]["bias"], network["fc"].bias.detach())


def test_the_same_weights_are_the_same_file(source, tmp_path):
    digests = {inception.convert(source, tmp_path / f"{i}.safetensors") for i in range(3)}
    assert len(digests) == 1


def test_the_published_file_is_known_by_the_digits_in_its_name():
    assert inception.DIGEST == "6726825d"


def test_another_file_than_the_published_one_is_refused_unread(source, tmp_path, monkeypatch):
    monkeypatch.setattr(inception, "DIGEST", "6726825d")
    with pytest.raises(UsageError, match="published one begins with 6726825d: get it from https://") as caught:
        inception.convert(source, tmp_path / "x.safetensors")
    assert weights.digest(source) in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


def test_a_file_that_would_run_code_is_not_unpickled(tmp_path, monkeypatch):
    import torch

    class Trap:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    path = tmp_path / "trap.pth"
    torch.save({"fc.weight": Trap()}, path)
    monkeypatch.setattr(inception, "DIGEST", weights.digest(path)[:8])
    with pytest.raises(UsageError, match="is no file of tensors by name"):
        inception.convert(path, tmp_path / "x.safetensors")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("target", ["absent/x.safetensors", "."])
def test_a_target_that_cannot_be_written_is_named(source, tmp_path, target):
    with pytest.raises(UsageError, match=r"cannot write .*name a file in a folder that exists") as caught:
        inception.convert(source, tmp_path / target)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


def test_the_command_tells_the_new_files_digest(source, tmp_path, convert):
    target = tmp_path / "inception.safetensors"
    assert convert("inception", source, target) == f"{target}: sha256 {weights.digest(target)}\n"
