"""The experiments: one runnable script per recipe. `EXPERIMENTS` lists their names.

An experiment has a frozen dataclass `Config`, a function `build(config, axis_name) -> objective`, and a docstring with
its recipe: what it does, examples, and the fields Family and Source, from which the catalogue in README.md is written.
Where it has been measured, Score, Time and Command have the figures and the command that gives them; else the command
is the script. `jaxgen train NAME` and `python experiments/NAME.py` run it.

A run folder holds a copy of its script, and opens by that copy alone. So a script imports jaxgen and installed packages
only, no file beside it. The copy is executed if an installed experiment has the same SHA-256; otherwise --trust allows
it.
"""

from pathlib import Path

EXPERIMENTS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py")))
"""The name of every experiment that is installed with the package."""

FAMILIES = (
    "Generative adversarial networks",
    "Variational autoencoders",
    "Restoration",
    "Restoration by recurrent networks",
    "Detection, classification, estimation",
)
"""What the field Family may be, in the order of the catalogue."""
