import gc
import importlib.util
import math
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
from jax.extend.core import subjaxprs

from jaxgen.runs.scripts import load_script

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
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
# A test's programs are small: to compile them in parts costs more than it saves.
FLAGS = ["--xla_cpu_parallel_codegen_split_count=1"]
if jax.__version_info__ < (0, 11):
    # XLA's older way to compile fused operations takes a third of the time; later versions no longer have it.
    FLAGS.append("--xla_cpu_use_fusion_emitters=false")


# Where `nohup` runs the tests their processes would ignore a hangup, as those of users then should.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What one worker, or a process that it starts, has compiled the others read, until the tests end.
OWN_CACHE = None
if not jax.config.jax_compilation_cache_dir:
    OWN_CACHE, seconds = tempfile.mkdtemp(prefix="jaxgen-tests-"), 0.05
    jax.config.update("jax_compilation_cache_dir", OWN_CACHE)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)
    os.environ |= {"JAX_COMPILATION_CACHE_DIR": OWN_CACHE, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": str(seconds)}


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="compile as for users; run notebooks, write the reference")


def pytest_configure(config):
    full = config.getoption("full")
    # Most programs of the tests run for less time than they take to compile.
    jax.config.update("jax_disable_most_optimizations", not full)
    if not full:
        # For the processes that tests start, too.
        flags = " ".join([os.environ.get("XLA_FLAGS", ""), *FLAGS]).strip()
        os.environ |= {"XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


# A file stays with one worker; these take longest, and the last one to end should not have begun late.
LONGEST = (
    *("training/test_contract.py", "runs/test_scripts.py", "runs/test_train.py", "sweeps/test_postgres.py"),
    *("sweeps/test_processes.py", "scripts/test_shipping.py", "sweeps/test_sweep.py", "training/test_distributed.py"),
    *("runs/test_init_from.py", "sweeps/test_population.py", "commands/test_main.py", "runs/test_export.py"),
    "test_notebooks.py",
)


def pytest_collection_modifyitems(items):
    order = {HERE / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_unconfigure():
    if OWN_CACHE:
        shutil.rmtree(OWN_CACHE, ignore_errors=True)


@pytest.fixture(scope="session")
def optimized(pytestconfig):
    """Returns a context in which XLA's optimisations are on. `FLAGS` stay, as XLA reads them once in a process."""

    @contextmanager
    def optimize():
        jax.config.update("jax_disable_most_optimizations", False)
        try:
            yield
        finally:
            jax.config.update("jax_disable_most_optimizations", not pytestconfig.getoption("full"))

    return optimize


@pytest.fixture(scope="session", autouse=True)
def _forget_images(tmp_path_factory):
    """Folders of images that tests read are not remembered in the user's cache."""
    from jaxgen.data.sources import verification

    home = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "cache_home", lambda: Path(os.environ.get("XDG_CACHE_HOME") or home))
        yield


@pytest.fixture(scope="module", autouse=True)
def _keep_from_the_collector():
    """What earlier files compiled stays until the end: Python need not look through all of it again and again."""
    gc.collect()
    gc.freeze()
    # Tracing makes many short-lived objects, nearly none of which are in cycles.
    gc.set_threshold(50_000, 20, 100)


def train_without(part):
    """Has the trainings in this process leave out a part of the loop, whose program need not be compiled then."""
    from jaxgen.training import loop

    whole = loop.train
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "train", lambda *arguments, **options: whole(*arguments, **options | {part: None}))
        yield


@pytest.fixture(scope="module")
def no_samples():
    """Trainings in this process save no sample images, at their end neither."""
    yield from train_without("visualize")


@pytest.fixture(scope="module")
def no_evaluation():
    """Trainings in this process are not evaluated, at their end neither."""
    yield from train_without("evaluate")


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


@pytest.fixture(scope="session")
def operations():
    """Returns a function from a traced program to the names of its operations and of those of inner programs."""

    def names(jaxpr):
        return {equation.primitive.name for equation in jaxpr.eqns}.union(*map(names, subjaxprs(jaxpr)))

    return lambda closed: names(closed.jaxpr)


@pytest.fixture(scope="session")
def computed():
    """Returns a function that compiles another as one program, calls it and returns its results as NumPy arrays.

    Outside of `jax.jit`, every operation of a new shape is a program of its own, which takes longer to compile than to
    run: what a test computes of the results, it computes by NumPy.
    """
    return lambda function, *arguments: jax.device_get(jax.jit(function)(*arguments))


class Description(NamedTuple):
    parameters: int
    output: object
    variables: dict


@pytest.fixture(scope="session")
def describe():
    """Returns a function from a network and its inputs' shapes to its parameter count and output shape."""

    def describe(network, *shapes, dtype="float32"):
        inputs = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
        variables = jax.eval_shape(lambda *x: network.init(jax.random.key(0), *x, True), *inputs)
        stats = [name for name in variables if name != "params"]
        output, _ = jax.eval_shape(lambda v, *x: network.apply(v, *x, True, mutable=stats), variables, *inputs)
        count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))
        return Description(count, jax.tree.map(lambda x: x.shape, output), variables)

    return describe


@pytest.fixture(scope="session")
def draw(describe):
    """Returns a function from a network and its inputs' shapes to random variables, without compiling anything."""

    def draw(network, *shapes):
        rng = np.random.default_rng(0)
        # Positive where variances and scales must be; small enough elsewhere that no tanh saturates.
        positive = lambda path: path[-1].key in ("var", "scale")
        fill = lambda path, x: rng.uniform(0.5, 1.5, x.shape) if positive(path) else rng.normal(0, 0.2, x.shape)
        variables = jax.tree_util.tree_map_with_path(fill, describe(network, *shapes).variables)
        return jax.tree.map(lambda x: x.astype("float32"), variables)

    return draw


@pytest.fixture(scope="session")
def user_environment():
    """Returns an environment in which a process compiles its programs as a user's are compiled."""
    return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}


def load_beside(name):
    """Returns the module of a file beside this one."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy():
    """The smallest training there is, see toy.py."""
    return load_beside("toy")


@pytest.fixture(scope="session")
def start_python():
    """Starts a Python program in a process that has imported JAX and jaxgen already, see preloaded.py."""
    return load_beside("preloaded").Process


@pytest.fixture(scope="session")
def run_python(start_python):
    """Runs such a program to its end and returns what `subprocess.run` would."""

    def run(*arguments, **options):
        process = start_python(*arguments, **options)
        said, complaints = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, said, complaints)

    return run


@pytest.fixture(scope="session")
def start_toy(start_python, user_environment):
    """Starts toy.py as a process of its own."""
    return lambda *arguments: start_python(HERE / "toy.py", *arguments, env=user_environment)


@pytest.fixture(scope="session")
def assert_same_bits():
    """Fails unless two states have the same structure, types and bits."""
    from jaxgen.runs.disk.leaves import to_arrays

    def check(actual, expected):
        assert jax.tree.structure(actual) == jax.tree.structure(expected)
        for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
            assert a.dtype == b.dtype
        for a, b in zip(jax.tree.leaves(to_arrays(actual)), jax.tree.leaves(to_arrays(expected)), strict=True):
            assert a.shape == b.shape
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()

    return check
