"""From a script's name to its module, and from a configuration to plain values and back."""

import dataclasses
import hashlib
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


def load_script(name: str) -> ModuleType:
    """Returns an experiment's module.

    Args:
      name: a script's path, or the name of one in ./experiments.
    Raises:
      UsageError: if there is none, or it lacks Config or build.
    """
    path = Path(name) if name.endswith(".py") else FOLDER / f"{name}.py"
    if not path.is_file():
        if name.endswith(".py"):
            raise UsageError(f"no experiment script at {name}: give the path of one, or a name in ./{FOLDER}")
        raise unknown("experiment", name, [found.stem for found in FOLDER.glob("[!_]*.py")])
    # Dataclasses look their module up, and a script may be called as a module of the library.
    spec = importlib.util.spec_from_file_location(f"experiment {path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    for part in ("Config", "build"):
        if not hasattr(module, part):
            raise UsageError(f"{path} is no experiment: it has no {part}")
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
