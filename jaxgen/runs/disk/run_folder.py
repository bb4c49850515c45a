"""A run folder without its checkpoints: config.json, experiment.py, metrics.jsonl, samples/ and the trackers.

metrics.jsonl holds a JSON object a line: "step", "time" (seconds since 1970) and metrics by name. Numbers that JSON
does not know are the strings "nan", "inf" and "-inf".
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io.text import (
    open_no_link,
    parse_json,
    read_limited,
    remove_unfinished,
    to_json,
    write_atomically,
)
from jaxgen.runs.disk import config_file
from jaxgen.runs.disk.closing import Closing
from jaxgen.runs.disk.config_file import flatten
from jaxgen.runs.disk.trackers import Tracker, open_trackers
from jaxgen.training import progress

CONFIG, SCRIPT = "config.json", "experiment.py"
FOLDERS = ("checkpoints", "checkpoints/deleted", "damaged", "samples", "tensorboard", "wandb")
"""Folders of a run that a training writes in."""
Config = dict[str, Any]
Line = dict[str, Any]
ABSENT = "(absent)"
NON_FINITE = ("nan", "inf", "-inf")
MAX_METRICS_BYTES = 2**32
"""Size of the largest metrics.jsonl that is read."""


class RunFolder(Closing):
    """One run's folder. `RunFolder(path)` reads it, `RunFolder.open` is for the process that trains, as a context, and
    `RunFolder.follow` for those that train along with it.
    """

    def __init__(self, path: str | Path, *, say: Callable[[str], None] = progress.say) -> None:
        """Names the folder.

        Args:
          path: the folder.
          say: takes warnings, a line each.
        """
        self.path, self.say = Path(path), say
        self._trackers: list[Tracker] = []
        self._defaults: Config = {}
        self._files: dict[str, bytes] = {}
        self._open = contextlib.ExitStack()
        self._can_draw = self._writes = True

    @classmethod
    def open(
        cls,
        path: str | Path,
        config: Config,
        *,
        script: bytes | None = None,
        defaults: Config | None = None,
        changeable: Collection[str] = (),
        tensorboard: bool = True,
        wandb: bool = False,
        say: Callable[[str], None] = progress.say,
    ) -> Self:
        """Opens the folder for training: creates it, or compares its configuration with the given one.

        Args:
          path: the folder.
          config: the content of config.json, see `config_file`.
          script: the source of the experiment script, to be copied to RUN/experiment.py; None: none is. It may differ
            from the existing one, with a warning.
          defaults: today's default of every field of "config", for those that the file does not have.
          changeable: dotted names of fields of "config" that may differ from the existing ones, and are then updated.
          tensorboard: whether metrics also go to RUN/tensorboard.
          wandb: whether metrics also go to Weights & Biases.
          say: takes warnings, a line each.
        Raises:
          UsageError: if another process trains in it, if a field differs, if a folder in it is a link, or if it cannot
            be read or written.
        """
        folder = cls(path, say=say)
        folder._defaults = flatten(defaults or {})
        require_own_folders(folder.path)
        try:
            with folder._writing():
                folder.path.mkdir(parents=True, exist_ok=True)
                folder._open.enter_context(lock(folder.path / ".lock"))
                folder._set_config(folder._plain(config), script, changeable)
                folder._open.callback(folder._write_missing)
                for place in (folder.path, folder.path / "samples"):
                    remove_unfinished(place)
                folder._trackers = open_trackers(folder.path, config, tensorboard=tensorboard, wandb=wandb, say=say)
                for tracker in folder._trackers:
                    folder._open.callback(tracker.close)
        except BaseException:
            folder.close()
            raise
        return folder

    @classmethod
    def follow(cls, path: str | Path, config: Config, *, changeable: Collection[str] = ()) -> Self:
        """Returns the folder for a process that trains along with the one that has it open, and writes nothing.

        Args:
          path: the folder, which the other process has created.
          config: the configuration of this process, see `open`.
          changeable: dotted names of fields of "config" that may differ between the processes.
        Raises:
          UsageError: if the folder is not there, or a field differs from that of the other process.
        """
        folder = cls(path, say=lambda line: None)
        folder._writes = False
        before = folder.config()
        if before is None:
            raise UsageError(f"{folder.path} of the first process is not here: give one that every host sees")
        folder._compare(before, folder._plain(config), changeable)
        return folder

    def close(self) -> None:
        """Writes what is left and lets other processes train in the folder."""
        with self._writing():
            self._open.close()

    def config(self) -> Config | None:
        """Returns what config.json holds, None where there is none.

        Raises:
          UsageError: if it cannot be read.
        """
        return config_file.read(self.path / CONFIG)

    def has_checkpoints(self) -> bool:
        """Returns whether training can go on from a checkpoint, so that the configuration must stay."""
        return any((self.path / "checkpoints").glob("[0-9]*"))

    def check_options(
        self, experiment: str, options: Config, *, defaults: Config, changeable: Collection[str] = ()
    ) -> None:
        """Compares options with those of the run that the folder holds, if any, before its data are loaded.

        Args:
          experiment: the name of the experiment.
          options: the content of "config". The size and the channels of images are not compared: the data have them.
          defaults: see `open`.
          changeable: see `open`.
        Raises:
          UsageError: if an option differs, or config.json cannot be read.
        """
        before = self.config() if self.has_checkpoints() else None
        if before is None:
            return
        known = before["config"].get("data", {})
        shape = {name: known[name] for name in ("size", "channels") if name in known}
        now = {"experiment": before.get("experiment", {}) | {"name": experiment}, "config": options}
        if "data" in options:
            now["config"] = options | {"data": options["data"] | shape}
        self._defaults = flatten(defaults)
        self._compare(before, before | now, changeable)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Appends a line to metrics.jsonl and logs it to the trackers.

        Raises:
          UsageError: if it cannot be written.
        """
        if not self._writes:
            return
        line = {"step": step, "time": round(time.time(), 3)} | {name: to_json(value) for name, value in metrics.items()}
        with self._writing():
            with open_no_link(self.path / "metrics.jsonl", "a") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
            for tracker in self._trackers:
                tracker.log(step, metrics)

    def truncate(self, step: int) -> None:
        """Drops what was logged after a step, so that a resumed run has the history of one never interrupted.

        Raises:
          UsageError: if metrics.jsonl cannot be read or written.
        """
        path = self.path / "metrics.jsonl"
        if not self._writes:
            return
        with self._writing():
            if path.exists():
                lines = [line for line in parse(path) if line["step"] <= step]
                write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines))
            for tracker in self._trackers:
                tracker.truncate(step)

    def history(self) -> list[Line]:
        """Returns the lines of metrics.jsonl, all numbers as floats.

        Raises:
          UsageError: if a line other than an unfinished last one cannot be read.
        """
        path = self.path / "metrics.jsonl"
        lines = parse(path) if path.exists() else []
        return [{name: float(x) if x in NON_FINITE else x for name, x in line.items()} for line in lines]

    def save_images(self, step: int, groups: Mapping[str, Any]) -> None:
        """Writes a grid of each group of images to samples/NAME-STEP.png; without Pillow, says so once and does not.

        Args:
          step: training steps taken.
          groups: images by name, float[n, h, w, c] in [0, 1], or float[rows, columns, h, w, c].
        Raises:
          UsageError: if it cannot be written.
        """
        if not (self._can_draw and self._writes):
            return
        try:
            from jaxgen.io import images

            for name, group in groups.items():
                images.write(self.path / "samples" / f"{name}-{step:08d}.png", images.grid(np.asarray(group)))
        except ImportError:
            self._can_draw = False
            self.say("Pillow is not installed: no images are written")

    def _plain(self, config: Config) -> Config:
        return config_file.upgrade(json.loads(json.dumps(config)), self.path / CONFIG)

    def _set_config(self, config: Config, script: bytes | None, changeable: Collection[str]) -> None:
        before = self.config()
        # A run without a checkpoint may be started anew with another configuration.
        if before is not None and self.has_checkpoints():
            self._compare(before, config, changeable)
        copy = self.path / SCRIPT
        # A link would not be opened, and what it leads to may change.
        is_copy = copy.is_file() and not copy.is_symlink() and copy.read_bytes() == script
        if script is not None and not is_copy:
            write_atomically(copy, script)
        if before != config:
            write_atomically(self.path / CONFIG, json.dumps(config, indent=2) + "\n")
        files = (self.path / CONFIG, copy)
        self._files = {path.name: path.read_bytes() for path in files if path.exists()}

    def _write_missing(self) -> None:
        """Writes config.json and experiment.py again where they were deleted during the training."""
        for name, content in self._files.items():
            if self.path.is_dir() and not (self.path / name).exists():
                write_atomically(self.path / name, content)
                self.say(f"{self.path / name} was deleted during the training, and is written again")

    def _compare(self, before: Config, now: Config, changeable: Collection[str]) -> None:
        there, here = before.get("data_order"), now.get("data_order")
        if there != here:
            raise UsageError(
                f"{self.path} was trained on its data in another order (version {there} of the order, and this jaxgen "
                f"has version {here}): sample and evaluate it, or start a new run from it by --init-from {self.path}"
            )
        old, new = recipe(before), recipe(now)
        former = self._defaults | config_file.former_defaults(before["format"])
        old = {name: former[name] for name in new if name in former} | old
        both = {name: (old.get(name, ABSENT), new.get(name, ABSENT)) for name in old | new if name not in changeable}
        different = {name: values for name, values in both.items() if values[0] != values[1]}
        if "experiment" in different:
            raise UsageError(
                f"{self.path} holds a run of {old['experiment']} and not of {new['experiment']}: use another run folder"
            )
        if len(different) > 1:
            # The digest of other images says no more than the option that chose them.
            different.pop("images_sha256", None)
        differences = [f"{name} is {a!r} there and {b!r} here" for name, (a, b) in different.items()]
        if differences:
            raise UsageError(
                f"{self.path} holds a run of another configuration: {', '.join(differences)}; "
                "use the values there, or another run folder"
            )
        if before.get("experiment", {}).get("sha256") != now.get("experiment", {}).get("sha256"):
            self.say(f"{now['experiment']['name']}'s script has changed since {self.path} was last trained")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(
                f"cannot write in {self.path} ({error}): free the disk, make it writable or use another run folder"
            ) from error


def require_own_folders(path: Path) -> None:
    """Raises UsageError where a folder that a run writes in and removes files from is a link to another folder."""
    for name in FOLDERS:
        if (path / name).is_symlink():
            raise UsageError(
                f"{path / name} is a symbolic link to {os.path.realpath(path / name)}, where the run would remove "
                f"files: put the folder itself in {path}"
            )


def recipe(config: Config) -> dict[str, Any]:
    """Returns by dotted name the values that must not change on resuming: all but versions, paths and the script."""
    other = (*config_file.VERSIONS, *config_file.NOT_COMPARED, "experiment", "config")
    data = {name: value for name, value in config.items() if name not in other}
    return {"experiment": config.get("experiment", {}).get("name")} | data | flatten(config["config"])


def newest(lines: Iterable[Line]) -> Line:
    """Returns the newest value of every metric, and the newest step."""
    merged: Line = {}
    for line in lines:
        merged |= line
    return merged


def parse(path: Path) -> list[Line]:
    """Returns the lines of metrics.jsonl as they are, without a last one that was left unfinished.

    Raises:
      UsageError: if the file or another line cannot be read.
    """
    try:
        lines, parsed = read_limited(path, MAX_METRICS_BYTES).splitlines(), []
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror}): make it a readable file, and run again") from error
    for number, line in enumerate(lines, 1):
        try:
            content = parse_json(line)
            if bad := [name for name, value in content.items() if not is_metric(value)]:
                raise ValueError(f"{bad[0]} is no number")
            parsed.append(content | {"step": int(content["step"])})
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            if number < len(lines):
                raise UsageError(f"line {number} of {path} cannot be read ({error}): remove that line") from error
    return parsed


def is_metric(value: Any) -> bool:
    """Returns whether a value is a number as metrics.jsonl holds it."""
    return isinstance(value, int | float) or value in NON_FINITE


@contextlib.contextmanager
def lock(path: Path, busy: str = "another process trains in {}: wait for it, or use another folder") -> Iterator[None]:
    """Returns a context in which no other process holds the same lock; the system ends it with the process.

    Args:
      path: of the lock's file.
      busy: the error where another process holds it, with {} for the folder.
    """
    with open_no_link(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(busy.format(path.parent)) from error
        except OSError:
            pass  # A file system without locks.
        yield
