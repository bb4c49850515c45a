import numpy as np
import pytest
import safetensors.numpy

from jaxgen.commands.converters import perceptual
from jaxgen.commands.main import main
from jaxgen.errors import UsageError
from jaxgen.io import weights

rng = np.random.default_rng(0)
# torchvision's AlexNet: number, and shape of the weight.
ALEXNET = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A random AlexNet of torchvision, heads for it, and its arrays by name."""
    folder = tmp_path_factory.mktemp("published")
    state = {f"features.{i}.weight": rng.normal(size=shape).astype(np.float32) for i, shape in ALEXNET.items()}
    state |= {f"features.{i}.bias": rng.normal(size=shape[0]).astype(np.float32) for i, shape in ALEXNET.items()}
    state["classifier.1.weight"] = np.zeros((4, 5), np.float32)
    safetensors.numpy.save_file(state, folder / "alexnet.safetensors")
    heads = {
        f"lin{i}.model.1.weight": rng.random((1, shape[0], 1, 1), np.float32)
        for i, shape in enumerate(ALEXNET.values())
    }
    safetensors.numpy.save_file(heads, folder / "alex.safetensors")
    return folder / "alexnet.safetensors", folder / "alex.safetensors", state | heads


def test_trunk_and_heads_become_one_file_that_names_both(files, tmp_path, convert):
    trunk, heads, arrays = files
    target = tmp_path / "lpips.safetensors"
    printed = convert("lpips", trunk, target, "--heads", heads)
    assert printed == f"{target}: sha256 {weights.digest(target)}\n"
    variables, card = weights.read(target)
    for number, layer in enumerate(ALEXNET, 1):
        kernel = variables["params"][f"conv_{number}"]["kernel"].transpose(3, 2, 0, 1)
        np.testing.assert_array_equal(kernel, arrays[f"features.{layer}.weight"])
        head = variables["heads"][f"head_{number - 1}"]
        np.testing.assert_array_equal(head, arrays[f"lin{number - 1}.model.1.weight"].ravel())
    assert (card["metric"], card["trunk"], card["network"]) == ("lpips", "AlexNet", "LPIPS by AlexNet")
    assert card["source"] == f"alexnet.safetensors, sha256 {weights.digest(trunk)}"
    assert card["heads"] == f"alex.safetensors, sha256 {weights.digest(heads)}"


def test_other_files_are_refused(files, tmp_path):
    trunk, heads, _ = files
    target = tmp_path / "x.safetensors"
    with pytest.raises(UsageError, match=r"is not LPIPS' heads for AlexNet: lin0\.model\.1\.weight is missing"):
        perceptual.convert_lpips(trunk, target, trunk)
    with pytest.raises(UsageError, match=r"is not VGG-16: features\.0\.weight is missing and not \[64, 3, 3, 3\]; get"):
        perceptual.convert_lpips(heads, target, heads)
    with pytest.raises(UsageError, match=r"is not VGG-16: features\.0\.weight is \[64, 3, 11, 11\]"):
        perceptual.convert_dists(trunk, target, heads)
    with pytest.raises(UsageError, match=r"no file .*absent\.pth: download it from https://.*vgg16"):
        perceptual.convert_lpips(tmp_path / "absent.pth", target, heads)
    with pytest.raises(UsageError, match=r"no file .*absent\.pth: get it from https://.*PerceptualSimilarity"):
        perceptual.convert_lpips(trunk, target, tmp_path / "absent.pth")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lpips"], "lpips needs a second file: give --heads FILE, vgg.pth, alex.pth or squeeze.pth of LPIPS"),
        (["vgg", "--heads", "a.pth"], "--heads a.pth: it is for lpips, dists, and not for vgg; leave it out"),
    ],
)
def test_the_second_file_is_given_where_it_has_an_effect(words, message, tmp_path, capsys):
    network, *others = words
    with pytest.raises(SystemExit) as stop:
        main(["convert", network, str(tmp_path / "a.pth"), str(tmp_path / "x.safetensors"), *others])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and message in err and err.count("\n") == 1


def test_a_parameter_of_a_module_is_read_like_a_tensor_and_nothing_is_executed(files, tmp_path):
    import torch

    class Trap:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    trunk, _, arrays = files
    names = [name for name in arrays if name.startswith("lin")]
    torch.save({name: torch.nn.Parameter(torch.tensor(arrays[name])) for name in names}, tmp_path / "alex.pth")
    perceptual.convert_lpips(trunk, tmp_path / "x.safetensors", tmp_path / "alex.pth")
    torch.save({"lin0.model.1.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(UsageError, match=r"trap\.pth is no file of tensors by name"):
        perceptual.convert_lpips(trunk, tmp_path / "y.safetensors", tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()
