import importlib
import importlib.util
from pathlib import Path

import pytest

CURE = Path(__file__).with_name("torchvision_for_cpu.py")


@pytest.fixture(scope="session")
def torch_fidelity():
    """Returns a function from a module's name in torch-fidelity to torch and that module."""
    spec = importlib.util.spec_from_file_location("torchvision_for_cpu", CURE)
    cure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cure)
    torch = cure.require_torchvision()
    pytest.importorskip("torch_fidelity")
    return lambda name: (torch, importlib.import_module(f"torch_fidelity.{name}"))
