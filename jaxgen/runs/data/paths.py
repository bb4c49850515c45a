"""Where the data of a run lie, also after they were moved with the run folder, or in another working directory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgen.config.base import Config, look_up, replace_option
from jaxgen.errors import UsageError
from jaxgen.runs.disk.config_file import PATHS
from jaxgen.runs.disk.run_folder import CONFIG

OPTIONS = ("data.dir", "data.target_dir")


def describe_paths(config: Config, run: Path) -> dict[str, Any]:
    """Returns what config.json records of the paths of the data that there are: absolute, and from the run folder."""
    paths = {name: look_up(config, name) for name in OPTIONS}
    found = {name: os.path.abspath(path) for name, path in paths.items() if path and os.path.exists(path)}
    return {PATHS: {name: [path, os.path.relpath(path, run)] for name, path in found.items()}} if found else {}


def find_data(config: Config, content: Mapping[str, Any], run: Path) -> Config:
    """Returns a run's configuration with the paths at which its data are now.

    The absolute path is tried first, then the one from the run folder. Where nothing is at either, the path stays as it
    was given to the training.

    Args:
      config: the configuration.
      content: of config.json.
      run: the run folder.
    Raises:
      UsageError: if config.json has no paths there.
    """
    for name, pair in recorded_paths(content, run).items():
        absolute, relative = pair
        there = [path for path in (absolute, os.path.normpath(run.absolute() / relative)) if os.path.exists(path)]
        if there:
            config = replace_option(config, name, there[0])
    return config


def recorded_paths(content: Mapping[str, Any], run: Path) -> dict[str, list[str]]:
    """Returns the absolute path and the one from the run folder by option, or raises UsageError where they are none."""
    paths = content.get(PATHS, {})
    pairs = list(paths.items()) if isinstance(paths, dict) else [("", None)]
    for name, pair in pairs:
        if name not in OPTIONS or not isinstance(pair, list) or [type(path) for path in pair] != [str, str]:
            raise UsageError(f"{run / CONFIG}: {PATHS} is {paths!r:.80}: remove it, and give --data.dir")
    return paths
