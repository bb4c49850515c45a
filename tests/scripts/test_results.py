import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from jaxgen import data

SCRIPT = Path(__file__).parents[2] / "scripts" / "results"


def results(*arguments, flags=(), **options):
    command = [sys.executable, *flags, SCRIPT, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, **options)


def test_an_export_holds_the_set_and_its_test_images(tmp_path):
    file = tmp_path / "digits.npz"
    done = results("export", "digits", file, "--size", "12")
    assert done.returncode == 0
    assert "test_image uint8[359, 12, 12, 1]" in done.stdout
    for split in ("train", "test"):
        original = data.load(data.Config(name="digits", size=12, split=split))
        exported = data.load(data.Config(name="npz", dir=str(file), split=split))
        assert original.arrays.keys() == exported.arrays.keys()
        for name, values in original.arrays.items():
            np.testing.assert_array_equal(exported.arrays[name], values)
    assert [path.name for path in tmp_path.iterdir()] == ["digits.npz"]


def test_mistakes_are_told_in_one_line(tmp_path):
    for arguments, message in [
        (("export", "digist", "x.npz"), "unknown data set 'digist': did you mean digits"),
        (("export", "digits", tmp_path / "absent" / "x.npz"), "cannot write"),
    ]:
        done = results(*arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_python_without_jaxgen_is_told_where_there_is_one():
    done = results("export", "digits", "x.npz", flags=["-S", "-E"], env={"PATH": os.environ["PATH"]})
    assert done.returncode == 2
    assert done.stderr.startswith("this Python has no jaxgen")
    assert done.stderr.count("\n") == 1
