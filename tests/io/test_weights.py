import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.io import weights

TREE = {"params": {"dense": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3).T}}, "stats": {"n": np.int32(3)}}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.safetensors"
    weights.write(path, TREE, {"score": "0.99"})
    return path


def test_variables_are_written_and_read(file):
    tree, about = weights.read(file, weights.digest(file))
    np.testing.assert_array_equal(tree["params"]["dense"]["kernel"], TREE["params"]["dense"]["kernel"])
    assert tree["stats"]["n"] == 3
    assert about == {"score": "0.99"}


def test_the_same_weights_are_the_same_file(file, tmp_path):
    assert weights.write(tmp_path / "again.safetensors", TREE, {"score": "0.99"}) == weights.digest(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no weights at .*gone\.safetensors"):
        weights.read(tmp_path / "gone.safetensors")


def test_a_file_with_another_digest_is_refused(file):
    with pytest.raises(UsageError, match="and not 00ff"):
        weights.read(file, "00ff")


def test_a_damaged_file_is_named(file):
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(UsageError, match="is damaged"):
        weights.read(file)
