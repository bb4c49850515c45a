"""The experiment script in a run folder: copied when training starts, loaded when the run is opened."""

import ast
import hashlib
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jaxgen
from jaxgen.errors import UsageError
from jaxgen.io.text import read_limited
from jaxgen.runs.disk.run_folder import SCRIPT
from jaxgen.runs.scripts import PACKAGE, execute, installed_experiments, require_experiment


class Script(NamedTuple):
    """An experiment script.

    Attributes:
      name: of the experiment: the file's without .py.
      path: the file, absolute.
      source: its bytes.
    """

    name: str
    path: Path
    source: bytes

    @property
    def sha256(self) -> str:
        """SHA-256 of the source, hexadecimal."""
        return hashlib.sha256(self.source).hexdigest()


def find_script(build: Callable) -> Script:
    """Returns the script that defines a build function.

    Raises:
      UsageError: if no file defines it.
    """
    try:
        path = Path(inspect.getsourcefile(build) or "").resolve()
        return Script(path.stem, path, path.read_bytes())
    except (OSError, TypeError) as error:
        raise UsageError(f"{build!r} is defined in no file: put Config and build into a script") from error


def local_imports(script: Script) -> list[str]:
    """Returns the modules that a script imports from its own folder, which its copy in a run folder cannot import."""
    names = set()
    for node in ast.walk(ast.parse(script.source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    folder = script.path.parent
    is_local = lambda name: (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()
    return sorted(name for name in names - {"jaxgen"} if is_local(name))


def installed_name(script: Script) -> str | None:
    """Returns the name of the installed experiment that has the same SHA-256 as a script; None where there is none."""
    matches = (
        name
        for name, path in installed_experiments().items()
        if script.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    )
    return next(matches, None)


def load_copy(run: Path, config: dict[str, Any], *, trust: bool, say: Callable[[str], None]) -> ModuleType:
    """Returns the module of a run's experiment script.

    RUN/experiment.py is executed if an installed experiment has the same SHA-256, or if it is trusted. Nothing that
    config.json says leads to the execution of another file.

    Args:
      run: the run folder.
      config: the content of its config.json.
      trust: whether to execute a script that is no installed experiment.
      say: takes warnings.
    Raises:
      UsageError: if the script is missing, not trusted, or does not fit this version.
    """
    path, name = run / SCRIPT, config["experiment"]["name"]
    if path.is_file():
        try:
            script = Script(name, path, read_limited(path))
        except OSError as error:
            raise UsageError(f"cannot read {path} ({error.strerror}): make it readable, and run again") from error
        if known := installed_name(script):
            return importlib.import_module(f"{PACKAGE}.{known}")
        if not path.resolve().is_relative_to(run.resolve()):
            raise UsageError(f"{path} is a link to {path.resolve()}, outside of the run: put the script itself there")
        if trust:
            return load_trusted(script, config)
        raise UsageError(
            f"{path} (sha256 {script.sha256[:12]}…) is not a script of the installed experiments, and opening the run "
            "executes it: read it, then give --trust (in Python: trust=True)"
        )
    if config["format"] == 0 and name in installed_experiments():
        say(f"{run} was written before run folders held their script: {name}.py of this jaxgen is used instead")
        return importlib.import_module(f"{PACKAGE}.{name}")
    raise UsageError(f"{path} is missing: put the script of experiment {name!r} there, then give --trust")


def load_trusted(script: Script, config: dict[str, Any]) -> ModuleType:
    """Returns the module that the script in a run folder defines."""
    try:
        module = execute(script.path, script.source, f"experiment {script.name} {script.sha256[:12]}")
    except ImportError as error:
        raise UsageError(
            f"{script.path} cannot be imported ({error}): an experiment script may import jaxgen and installed "
            f"packages only; it was written for jaxgen {config.get('jaxgen', 'of before run formats')}, and this is "
            f"{jaxgen.__version__}"
        ) from error
    require_experiment(module, script.path)
    return module
