import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen import data, degradations

SCRIPT = Path(__file__).parents[2] / "scripts" / "results"


@pytest.fixture(scope="module")
def results(run_python):
    return lambda *arguments: run_python(SCRIPT, *arguments)


def test_training_images_are_exported_damaged_and_held_out_ones_unchanged(results, tmp_path):
    file = tmp_path / "blurred.npz"
    done = results("export", "digits", file, "--size", "16", "--damage", "blur")
    assert done.returncode == 0
    for split in ("train", "test"):
        original = data.load(data.Config(name="digits", size=16, split=split)).arrays
        exported = data.load(data.Config(name="npz", dir=str(file), split=split)).arrays
        np.testing.assert_array_equal(exported["label"], original["label"])
        if split == "test":
            np.testing.assert_array_equal(exported["image"], original["image"])
        else:
            blurred = degradations.blur(jax.random.key(0), original["image"][:5] / np.float32(255), 2.0)
            np.testing.assert_allclose(exported["image"][:5] / 255, blurred, atol=0.51 / 255)


def test_errors_are_one_line(results, tmp_path):
    for arguments, message in [
        (("export", "digist", "x.npz", "--damage", "blur"), "unknown data set 'digist': did you mean digits"),
        (("export", "digits", "/proc/x.npz", "--damage", "blur"), "cannot write"),
        (("export", "digits", "x.npz", "--damage", "blurr"), "unknown damage 'blurr': did you mean blur"),
    ]:
        done = results(*arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_mask_dilation_is_not_negative(results):
    done = results("damage", "--dir", "photographs", "--mask-dilation", "-1")
    assert done.returncode == 2
    assert "argument --mask-dilation: -1 is below 0" in done.stderr


def test_a_python_without_jaxgen_gets_a_one_line_error():
    command = [sys.executable, "-S", "-E", SCRIPT, "export", "digits", "x.npz"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("this Python has no jaxgen")
    assert done.stderr.count("\n") == 1
