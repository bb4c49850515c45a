import subprocess
import sys

import pytest

LOADED = """
import sys
before = set(sys.modules)
from jaxgen.{room} import {module}
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] in ("jaxgen", "flax", "optax", "orbax")))
import jax
jax.config.update("jax_num_cpu_devices", 3)  # refused once a backend was touched
assert len(jax.devices("cpu")) == 3
"""
SHARED = {"jaxgen", "jaxgen.errors", "jaxgen.fields", "jaxgen.losses", "jaxgen.losses.per_example"}


@pytest.mark.parametrize(
    ("room", "module", "needed"),
    [
        ("losses", "penalties", SHARED | {"jaxgen.losses.penalties", "jaxgen.keys"}),
        (
            "metrics",
            "image",
            SHARED
            | {
                "jaxgen.metrics",
                "jaxgen.metrics.colors",
                "jaxgen.metrics.image",
                "jaxgen.metrics.metric",
                "jaxgen.metrics.naturalness",
                "jaxgen.metrics.perceptual",
                "jaxgen.metrics.piqe",
                "jaxgen.metrics.structure",
                "jaxgen.losses.reconstruction",
                "jaxgen.losses.similarity",
            },
        ),
    ],
)
def test_a_module_loads_what_it_needs_and_touches_no_backend(room, module, needed):
    script = LOADED.format(room=room, module=module)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) == needed
