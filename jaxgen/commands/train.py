"""`jaxgen train`: trains an experiment."""

import inspect
from dataclasses import dataclass

from tyro.conf import Positional

from jaxgen.runs.command_line import run_script
from jaxgen.runs.scripts import load_script, recipes_by_family


@dataclass(frozen=True, kw_only=True)
class Command:
    """Trains an experiment. `jaxgen train EXPERIMENT --help` lists its options.

    Examples:
        jaxgen train wgan_gp --width 16 --steps 1000
        jaxgen train wgan_gp --help
    """

    experiment: Positional[str]
    """Name of an experiment, or path of an experiment script. ./experiments/NAME.py wins over an installed one."""

    def __call__(self, *words: str) -> None:
        """Runs the experiment's script with its own options."""
        module = load_script(self.experiment)
        run_script(module.Config, module.build, module.__doc__, words, f"jaxgen train {self.experiment}")


def describe() -> str:
    """Returns the description in `jaxgen train --help`, which lists the installed experiments."""
    lines = [inspect.getdoc(Command) or ""]
    for family, recipes in recipes_by_family().items():
        lines += ["", family, *(f"  {name:17} {recipe['Summary']}" for name, recipe in recipes.items())]
    return "\n".join(lines)
