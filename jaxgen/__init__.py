"""jaxgen: image generation and image restoration in JAX, as pure functions.

    import jaxgen
    clean = jaxgen.restore("photo.jpg")              # a Pillow image; arrays give arrays
    run = jaxgen.train("wgan_gp", steps=2000)
    images = run.sample(64)

The public functions are imported when they are first used, so that `from jaxgen.losses import penalties` loads that
module and jax, and no more.
"""

# Type checkers take it for true, as that of typing, which takes time to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from jaxgen.restoration.functions import detect_damage, estimate_noise, restore
    from jaxgen.runs.load import load
    from jaxgen.runs.run import open_run, train

__version__ = "0.1.0"
__all__ = ["detect_damage", "estimate_noise", "load", "open_run", "restore", "train"]

FUNCTIONS = {
    "restore": "jaxgen.restoration.functions",
    "detect_damage": "jaxgen.restoration.functions",
    "estimate_noise": "jaxgen.restoration.functions",
    "load": "jaxgen.runs.load",
    "open_run": "jaxgen.runs.run",
    "train": "jaxgen.runs.run",
}
"""The module of each public function."""


def __getattr__(name: str) -> object:
    import importlib

    if name not in FUNCTIONS:
        raise AttributeError(f"module 'jaxgen' has no attribute {name!r}")
    value = getattr(importlib.import_module(FUNCTIONS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *FUNCTIONS])
