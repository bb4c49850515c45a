import json
import os
import resource
import struct
from pathlib import Path

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


def stored(header, data=b"", length=None):
    """Returns the bytes of a safetensors file: the header's length, the header, the arrays."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def described(first, last, kind="F32", shape=(1,)):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [first, last]}


DEEP = "[" * 100_000 + "]" * 100_000
ONE = json.dumps(described(0, 4)).encode()
MALFORMED = {
    "nothing": b"",
    "too short": b"\1\2",
    "no header": stored(b""),
    "header cut off": stored({"a": described(0, 4)}, bytes(4), 3),
    "header of 2^60 bytes": stored({"a": described(0, 4)}, bytes(4), 2**60),
    "header of 2^64 - 1 bytes": stored({"a": described(0, 4)}, bytes(4), 2**64 - 1),
    "nested header": stored(b'{"a":' + DEEP.encode() + b"}"),
    "no type": stored({"a": described(0, 4, "F7")}, bytes(4)),
    "a type that NumPy lacks": stored({"a": described(0, 4, "F8_E4M3", (4,))}, bytes(4)),
    "overlap": stored({"a": described(0, 8, shape=(2,)), "b": described(4, 12, shape=(2,))}, bytes(12)),
    "gap": stored({"a": described(4, 8)}, bytes(8)),
    "terabytes": stored({"a": described(0, 2**42, shape=(2**40,))}, bytes(12)),
    "overflow": stored({"a": described(0, 4, shape=(2**33, 2**33))}, bytes(4)),
    "negative size": stored({"a": described(0, 4, shape=(-1,))}, bytes(4)),
    "size of another type": stored({"a": described(0, 4, shape=(1.5,))}, bytes(4)),
    "bytes left over": stored({"a": described(0, 4)}, bytes(9)),
    "an array within an array": stored({"a": described(0, 4), "a/b": described(4, 8)}, bytes(8)),
    "an array deep within an array": stored({"a": described(0, 4), "a/b/c/d": described(4, 8)}, bytes(8)),
    "no name": stored({"": described(0, 4)}, bytes(4)),
    "no name within": stored({"a//b": described(0, 4)}, bytes(4)),
    "a name twice": stored(b'{"a":' + ONE + b',"a":' + ONE.replace(b"0, 4", b"4, 8") + b"}", bytes(8)),
    "a name that is no text": stored(b'{"\\ud800":' + ONE + b"}", bytes(4)),
    "metadata of numbers": stored({"__metadata__": {"about": 3}}),
    "metadata of a list": stored({"__metadata__": []}),
    "text that is no JSON": stored({"__metadata__": {"about": "{"}}),
    "JSON of a list": stored({"__metadata__": {"about": "[1]"}}),
    "JSON of NaN": stored({"__metadata__": {"about": "NaN"}}),
    "JSON of numbers": stored({"__metadata__": {"about": '{"architecture": 3}'}}),
    "JSON of lists": stored({"__metadata__": {"about": '{"architecture": ["DnCNN"]}'}}),
    "nested JSON": stored({"__metadata__": {"about": DEEP}}),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_file_is_one_line_and_takes_no_memory(tmp_path, kind):
    path = tmp_path / "net.safetensors"
    path.write_bytes(MALFORMED[kind])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limits[1]))
    try:
        with pytest.raises(UsageError, match=r"net\.safetensors is no safetensors file, or is damaged") as error:
            weights.read(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_folder_and_a_pipe_are_no_weights(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in (".", "pipe.safetensors"):
        with pytest.raises(UsageError, match="no weights at"):
            weights.read(tmp_path / name)
