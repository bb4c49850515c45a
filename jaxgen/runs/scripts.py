"""Finds experiment scripts by name or path and loads them as modules."""

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

from jaxgen.errors import UsageError, unknown
from jaxgen.training import progress

FOLDER = Path("experiments")
"""Folder of a user's own experiments, relative to the working directory."""
PACKAGE = "jaxgen.experiments"
"""Package of the installed experiments."""


def installed_experiments() -> dict[str, Path]:
    """Returns the script of every installed experiment by its name."""
    package = importlib.import_module(PACKAGE)
    folder = Path(inspect.getfile(package)).parent
    return {name: folder / f"{name}.py" for name in package.EXPERIMENTS}


def read_recipe(path: Path) -> dict[str, str]:
    """Returns what the docstring of an experiment's script says by field, without executing the script.

    Returns:
      the first line as "Summary", and what stands behind "Family:", "Source:", "Command:", "Score:" and "Time:". Where
      the last three are absent, the script without options, and "not measured".
    """
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    fields = re.findall(r"^([A-Z]\w+): (.+?)(?=^[A-Z]\w+: |\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    one_line = lambda words: " ".join(words.replace("\\\n", " ").split())
    plain = {"Command": f"python experiments/{path.name}"} | dict.fromkeys(("Score", "Time"), "not measured")
    return {"Summary": text.partition("\n")[0]} | plain | {name: one_line(words) for name, words in fields}


def recipes_by_family() -> dict[str, dict[str, dict[str, str]]]:
    """Returns the recipe of every installed experiment by family and name."""
    families = {family: {} for family in importlib.import_module(PACKAGE).FAMILIES}
    for name, path in installed_experiments().items():
        recipe = read_recipe(path)
        families.setdefault(recipe.get("Family", "Others"), {})[name] = recipe
    return families


def load_script(name: str) -> ModuleType:
    """Returns an experiment's module.

    Args:
      name: the path of a script, which ends in .py; or the name of an experiment: ./experiments/NAME.py if that
        exists, otherwise the installed one.
    Raises:
      UsageError: if there is none, or it lacks Config or build.
    """
    path = Path(name) if name.endswith(".py") else FOLDER / f"{name}.py"
    if path.is_file():
        installed = installed_experiments().get(name)
        if installed and installed.read_bytes() != path.read_bytes():
            progress.say(f"{path} is executed, in place of the installed experiment of that name")
        module = execute(path, path.read_bytes(), f"experiment {path.stem}")
    elif name.endswith(".py"):
        raise UsageError(f"no experiment script at {name}: give the path of one, or the name of an experiment")
    elif name in (installed := installed_experiments()):
        path, module = installed[name], importlib.import_module(f"{PACKAGE}.{name}")
    else:
        raise unknown("experiment", name, {*installed, *(script.stem for script in FOLDER.glob("[!_]*.py"))})
    require_experiment(module, path)
    return module


def require_experiment(module: ModuleType, path: Path) -> None:
    """Raises UsageError unless a module defines Config and build."""
    for part in ("Config", "build"):
        if not hasattr(module, part):
            raise UsageError(f"{path} is no experiment: it has no {part}")


def execute(path: Path, source: bytes, name: str) -> ModuleType:
    """Returns the module that a script defines, without reading or writing compiled files in its folder.

    Args:
      path: of the script.
      source: its bytes.
      name: of the module.
    """
    module = ModuleType(name)
    module.__file__ = str(path)
    # Dataclasses look up their module there.
    sys.modules[name] = module
    exec(compile(source, path, "exec"), module.__dict__)
    return module
