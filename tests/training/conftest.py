import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture(scope="session")
def toy():
    """The smallest training there is, see toy.py."""
    spec = importlib.util.spec_from_file_location("toy", TOY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def start_toy():
    """Starts toy.py as a process of its own."""

    def start(*arguments):
        environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, str(TOY), *map(str, arguments)]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    return start


@pytest.fixture(scope="session")
def assert_same_bits():
    """Fails unless two states have the same structure, types and bits."""
    import jax

    from jaxgen.training.leaves import to_numbers

    def check(actual, expected):
        assert jax.tree.structure(actual) == jax.tree.structure(expected)
        for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
            assert a.dtype == b.dtype
        for a, b in zip(jax.tree.leaves(to_numbers(actual)), jax.tree.leaves(to_numbers(expected)), strict=True):
            assert a.shape == b.shape
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()

    return check
