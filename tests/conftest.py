from pathlib import Path

import jax
import pytest

from jaxgen.experiment.scripts import load_script

ROOT = Path(__file__).parents[1]

# Before anything touches a device: every test may spread a batch over four of them.
jax.config.update("jax_num_cpu_devices", 4)
# The tests' programs run for less time than they take to compile.
jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session")
def load_experiment():
    """Returns the module of an experiment script by its name."""
    return lambda name: load_script(str(ROOT / "experiments" / f"{name}.py"))


@pytest.fixture(scope="session")
def experiments():
    """Returns the folder of the experiment scripts."""
    return ROOT / "experiments"
