import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.commands.main import parse_command
from jaxgen.errors import UsageError


def export(*words):
    parse_command(["export-data", *map(str, words)])[0]()


def test_a_folder_as_an_archive(tmp_path, capsys):
    for i in range(60):
        path = tmp_path / "images" / ("bag", "shoe")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6), i, np.uint8)).save(path)
    file = tmp_path / "new" / "set.npz"
    export(tmp_path / "images", file, "--size", 4, "--channels", 3)
    assert f"{file}: image uint8[54, 4, 4, 3]" in capsys.readouterr().out
    for split in ("train", "test"):
        folder = data.load(data.Config(name="folder", dir=str(tmp_path / "images"), split=split, size=4, channels=3))
        archive = data.load(data.Config(name="npz", dir=str(file), split=split))
        for name in ("image", "label"):
            np.testing.assert_array_equal(archive.arrays[name], folder.arrays[name])
        assert archive.contents.class_names == ("bag", "shoe")
    with pytest.raises(
        UsageError, match=r"set\.npz has 2 classes \(bag, shoe\), and 3 are asked for: set data.classes to 2"
    ):
        data.load(data.Config(name="npz", dir=str(file), classes=3))


def test_any_data_set_as_an_archive(tmp_path):
    file = tmp_path / "digits.npz"
    export(".", file, "--name", "digits", "--size", 12)
    for split in ("train", "test"):
        original = data.load(data.Config(name="digits", size=12, split=split)).arrays
        exported = data.load(data.Config(name="npz", dir=str(file), split=split)).arrays
        assert original.keys() == exported.keys()
        for name, values in original.items():
            np.testing.assert_array_equal(exported[name], values)
    assert [path.name for path in tmp_path.iterdir()] == ["digits.npz"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--name", "digits"), "exists: give --overwrite"),
        (("--name", "digist", "--overwrite"), "did you mean digits"),
        (("--split", "tset", "--name", "digits", "--overwrite"), "unknown split 'tset'"),
    ],
)
def test_what_cannot_be_exported(tmp_path, words, message):
    file = tmp_path / "set.npz"
    file.write_bytes(b"")
    with pytest.raises(UsageError, match=message):
        export(tmp_path, file, *words)
    assert file.read_bytes() == b""


def test_the_name_of_an_archive(tmp_path):
    with pytest.raises(UsageError, match=r"set\.zip: give a name that ends in \.npz"):
        export(tmp_path, tmp_path / "set.zip")
