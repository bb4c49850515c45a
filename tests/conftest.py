import gc
import importlib
import os
from pathlib import Path

import jax
import pytest

from jaxgen.experiment.scripts import load_script

ROOT = Path(__file__).parents[1]
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def keep_to_own_cores() -> None:
    """Keeps a worker of pytest-xdist and what it starts to its share of the cores, as threads of several are slow."""
    worker, count = os.environ.get("PYTEST_XDIST_WORKER"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if worker and len(CORES) >= count:
        os.sched_setaffinity(0, sorted(CORES)[int(worker.removeprefix("gw")) :: count])


# Before JAX counts the cores.
keep_to_own_cores()
# Before anything touches a device: every test may spread a batch over four of them.
jax.config.update("jax_num_cpu_devices", 4)
# The tests' programs run for less time than they take to compile.
jax.config.update("jax_disable_most_optimizations", True)
if jax.__version_info__ < (0, 11):
    # XLA's older way to compile fused operations takes half the time; later versions no longer have it.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false".strip()


@pytest.fixture(scope="module", autouse=True)
def _keep_from_the_collector():
    """What earlier files compiled stays until the end: Python need not look through all of it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def all_cores():
    """Gives a test every core, also those of other workers, and returns their numbers."""
    if not CORES:
        pytest.skip("this system cannot keep a process to some of its cores")
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, CORES)
    yield CORES
    os.sched_setaffinity(0, own)


@pytest.fixture(scope="session")
def load_experiment():
    """Returns the module of an experiment script by its name."""
    return lambda name: load_script(str(ROOT / "experiments" / f"{name}.py"))


@pytest.fixture(scope="session")
def experiments():
    """Returns the folder of the experiment scripts."""
    return ROOT / "experiments"


@pytest.fixture(scope="session")
def torch_with_vision():
    """Returns torch with torchvision importable, also beside a PyTorch without torchvision's compiled operators."""
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        # It asks for two of them by name.
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # The operators are gone with the library that declares them.
        importlib.import_module("torchvision").declared_operators = library
    return torch


@pytest.fixture(scope="session")
def torch_fidelity(torch_with_vision):
    """Returns a function from a module's name in torch-fidelity to torch and that module."""
    return lambda name: (torch_with_vision, importlib.import_module(f"torch_fidelity.{name}"))
