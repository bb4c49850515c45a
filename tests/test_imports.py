"""Importing this package changes nothing in the process that imports it."""

import subprocess
import sys

CODE = """
import importlib, logging, pkgutil, signal, sys, warnings

import jax
from jax._src import xla_bridge

import jaxgen


def import_all():
    packages = (jaxgen, importlib.import_module("jaxgen.experiments"))
    walks = [pkgutil.walk_packages(package.__path__, f"{package.__name__}.") for package in packages]
    found = [module.name for walk in walks for module in walk]
    for name in found:
        importlib.import_module(name)
    return found


def settings():
    return {
        "hooks": (sys.excepthook, sys.unraisablehook, warnings.showwarning),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "jax.config": dict(jax.config.values),
    }


def loggers():
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]


before = settings()
modules = import_all()
assert settings() == before, "an import changes hooks, signal handlers or jax.config"
assert len(modules) > 250, modules
assert None not in sys.modules.values(), "an import blocks another one"
# Other packages have their effects once, with the first import of all. A second one shows those of this package.
for name in [name for name in sys.modules if name == "jaxgen" or name.startswith("jaxgen.")]:
    del sys.modules[name]
warnings.resetwarnings()
for logger in loggers():
    logger.level, logger.filters, logger.handlers = 0, [], []
import jaxgen

import_all()
assert warnings.filters == [], f"an import filters warnings: {warnings.filters}"
changed = [logger.name for logger in loggers() if logger.level or logger.filters or logger.handlers]
assert changed == [], f"an import changes loggers: {changed}"
assert not xla_bridge.backends_are_initialized(), "an import starts a device"
"""


def test_importing_any_module_has_no_effect():
    done = subprocess.run([sys.executable, "-c", CODE], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_jaxgen_alone_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import jaxgen; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['jaxgen']"
