"""From a script's name to its module, and from a configuration to plain values and back."""

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxgen.errors import UsageError, unknown

FOLDER = Path("experiments")
"""Folder of a user's own experiments, relative to the working directory."""
PACKAGE = "jaxgen.experiments"
"""Package of the installed experiments."""


def installed_experiments() -> dict[str, Path]:
    """Returns the script of every installed experiment by its name."""
    package = importlib.import_module(PACKAGE)
    folder = Path(inspect.getfile(package)).parent
    return {name: folder / f"{name}.py" for name in package.EXPERIMENTS}


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
        module = load_path(path)
    elif name.endswith(".py"):
        raise UsageError(f"no experiment script at {name}: give the path of one, or the name of an experiment")
    elif name in (installed := installed_experiments()):
        path, module = installed[name], importlib.import_module(f"{PACKAGE}.{name}")
    else:
        raise unknown("experiment", name, {*installed, *(script.stem for script in FOLDER.glob("[!_]*.py"))})
    for part in ("Config", "build"):
        if not hasattr(module, part):
            raise UsageError(f"{path} is no experiment: it has no {part}")
    return module


def load_path(path: Path) -> ModuleType:
    """Returns the module of a script that belongs to no package."""
    spec = importlib.util.spec_from_file_location(f"experiment {path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def describe_script(build: Callable) -> dict[str, str]:
    """Returns where a build function comes from: its script's name, path and sha256."""
    path = Path(inspect.getsourcefile(build)).resolve()
    return {"name": path.stem, "path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a configuration as plain values, exactly as JSON gives them back."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_dict(kind: type, values: dict[str, Any], where: str = "") -> Any:
    """Returns the configuration that `to_dict` was given.

    Args:
      kind: a dataclass.
      values: its fields; those left out take their defaults.
      where: the dotted name of this part, for errors.
    Raises:
      UsageError: if a field does not exist, with the nearest names.
    """
    default = kind()
    names = [field.name for field in dataclasses.fields(kind)]
    given = {}
    for name, value in values.items():
        if name not in names:
            raise unknown("configuration field", where + name, [where + known for known in names])
        inner = type(getattr(default, name))
        if dataclasses.is_dataclass(inner):
            given[name] = from_dict(inner, value, f"{where}{name}.")
        else:
            given[name] = tuple(value) if isinstance(value, list) else value
    return kind(**given)
