import pickle
import sys

import jax
import numpy as np
import pytest
import safetensors.numpy

from jaxgen.commands.converters import vgg
from jaxgen.errors import UsageError
from jaxgen.io import weights

rng = np.random.default_rng(0)
SHAPES = {"features.0": (2, 3, 3, 3), "features.3": (4, 2, 3, 3), "features.5": (4, 4, 3, 3), "classifier.0": (5, 4)}
STATE = {f"{name}.weight": rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
STATE |= {f"{name}.bias": rng.normal(size=shape[:1]).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """A VGG of three convolutions, one before the first pooling."""
    monkeypatch.setattr(vgg, "BLOCKS", ((2, 1), (4, 2)))


@pytest.fixture
def published(tmp_path):
    import torch

    path = tmp_path / "published.pth"
    torch.save({name: torch.tensor(value) for name, value in STATE.items()}, path)
    return path


def test_convolutions_are_renamed_and_turned_and_the_rest_is_left_out(published, tmp_path):
    target = tmp_path / "vgg.safetensors"
    variables, about = weights.read(target, vgg.convert(published, target))
    assert about["source"] == f"published.pth, sha256 {weights.digest(published)}"
    theirs = {"conv1_1": "features.0", "conv2_1": "features.3", "conv2_2": "features.5"}
    assert variables["params"].keys() == theirs.keys()
    for ours, name in theirs.items():
        kernel = variables["params"][ours]["kernel"]
        np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), STATE[f"{name}.weight"])
        np.testing.assert_array_equal(variables["params"][ours]["bias"], STATE[f"{name}.bias"])


def test_safetensors_of_the_same_weights_give_the_same(published, tmp_path):
    source = tmp_path / "same.safetensors"
    safetensors.numpy.save_file(STATE, source)
    for given in (source, published):
        vgg.convert(given, given.with_suffix(".converted"))
    a, b = (weights.read(given.with_suffix(".converted"))[0] for given in (source, published))
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_the_published_file_is_checked_by_the_digest_in_its_name(published, tmp_path, monkeypatch):
    assert vgg.DIGEST == "dcbb9e9d"
    monkeypatch.setattr(vgg, "DIGEST", weights.digest(published)[:8])
    vgg.convert(published, tmp_path / "x.safetensors")
    assert weights.read(tmp_path / "x.safetensors")[1]["source"].startswith(vgg.URL)


def test_a_file_that_would_run_code_is_not_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    import torch

    path = tmp_path / "trap.pth"
    torch.save({"features.0.weight": Trap()}, path)
    with pytest.raises(UsageError, match=r"trap\.pth is no file of tensors by name .*give a state dict"):
        vgg.convert(path, tmp_path / "x.safetensors")
    path.write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(UsageError, match=r"trap\.pth is no file of tensors by name"):
        vgg.convert(path, tmp_path / "x.safetensors")
    assert not (tmp_path / "ran").exists()


def test_without_pytorch_the_error_names_the_package_to_install(published, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"published\.pth is read by PyTorch .*pip install torch"):
        vgg.convert(published, tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features.3.weight": None}, r"is not VGG-19: features\.3\.weight is missing and not \[4, 2, 3, 3\]; get it"),
        ({"features.5.bias": np.zeros(3, np.float32)}, r"features\.5\.bias is \[3\] and not \[4\]"),
    ],
)
def test_another_network_is_refused(tmp_path, changes, message):
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({n: v for n, v in (STATE | changes).items() if v is not None}, path)
    with pytest.raises(UsageError, match=message) as caught:
        vgg.convert(path, tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "message"), [("x.h5", r"ends in \.h5: weights end in \.pth, "), ("x", "in nothing")])
def test_another_kind_of_file_is_refused(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"any")
    with pytest.raises(UsageError, match=message):
        vgg.convert(tmp_path / name, tmp_path / "y.safetensors")


def test_a_target_that_cannot_be_written_is_named(published, tmp_path):
    with pytest.raises(UsageError, match=r"cannot write .*name a file in a folder that exists"):
        vgg.convert(published, tmp_path / "absent" / "x.safetensors")


def test_the_command_tells_the_new_files_digest(published, tmp_path, convert):
    target = tmp_path / "vgg.safetensors"
    assert convert("vgg", published, target) == f"{target}: sha256 {weights.digest(target)}\n"
