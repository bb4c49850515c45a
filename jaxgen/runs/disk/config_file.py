"""The file config.json of a run folder: its format, and how files of earlier formats are read.

{"format", "jaxgen" and "jax" (versions), "experiment": {"name", "sha256" of its script}, "image_shape", "images",
"images_sha256" (of data in memory), "class_names" (of labels that have names), "data_order" (of the data's order),
"config": the configuration}
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import jax

import jaxgen
from jaxgen.config.configure import SHORT, convert
from jaxgen.errors import UsageError, unknown
from jaxgen.fields import MAX_INT
from jaxgen.io.text import parse_json, read_limited

FORMAT = 1
"""Raised whenever a field of a configuration is renamed, or a default changes."""

RENAMED_FIELDS: dict[int, dict[str, str]] = {
    0: {
        "adversary": "loss",
        "coordinator": "coordinator_address",
        "data.dequantise": "data.dequantize",
        "data.share": "data.fraction",
        "data.turn": "data.rotate",
        "evaluate_with": "evaluate_extractor",
        "hyper.blind": "hyper.sigma_spread",
        "hyper.chance": "hyper.damage_probability",
        "hyper.margin": "hyper.mask_dilation",
        "hyper.opaque": "hyper.opaque_probability",
        "hyper.scanned": "hyper.scan_probability",
        "judge_hidden": "discriminator_hidden",
        "judge_norm": "discriminator_norm",
        "judge_widths": "discriminator_widths",
        "keep": "keep_checkpoints",
        "picture_every": "sample_every",
        "process": "process_id",
        "processes": "num_processes",
        "start": "init_from",
        "start_with": "init_players",
        "told": "conditioning",
    },
}
"""By format, the fields of a configuration that have another name since: dotted former name -> dotted name in the next
format. jaxgen/CHANGELOG.md has the same table, under "Options of experiments"."""

RENAMED_EXPERIMENTS: dict[int, dict[str, str]] = {
    0: {"mender": "inpainter", "patch_mender": "patch_inpainter"},
}
"""By format, the experiments that have another name since."""

RENAMED_VALUES: dict[int, dict[str, dict[Any, Any]]] = {
    0: {"damage": {"given": "none"}, "init_players": {"pictures": "main"}},
}
"""By format, the values of a field (by its name in the next format) that are written differently since."""

FORMER_DEFAULTS: dict[int, dict[str, Any]] = {
    # Runs of format 0 that lack these were trained before the fields existed.
    0: {"hyper.mask_dilation": 0.0, "hyper.opaque_probability": 0.0, "hyper.scan_probability": 0.0},
    # Runs that lack it held out every tenth image.
    1: {"data.hold_out": "order"},
}
"""By format, the fields (by today's name) that runs of it and of earlier formats may lack, and the value that stands
for their absence, where that is not today's default."""

FORMER = "former_defaults"
"""Field of config.json: the fields that a resumed run was started without, by dotted name with that value."""

CHANGES = "data_changes"
"""Field of config.json: at which steps a run was resumed with other images, and how many they were."""

PATHS = "data_paths"
"""Field of config.json: the paths of the data by their options, each absolute and from the run folder."""

NOT_COMPARED = (FORMER, CHANGES, PATHS)
"""Fields of config.json that may differ between two parts of a run."""

NOT_RECORDED = ("trust",)
"""Fields that are never written to config.json nor read from it: they concern a single command."""


VERSIONS = ("format", "jaxgen", "jax")
"""Fields of config.json that may differ between two parts of a run."""


FIELDS: dict[str, Any] = {
    "format": int,
    "jaxgen": str,
    "jax": str,
    "experiment": dict,
    "image_shape": tuple[int, int, int],
    "images": int,
    "images_sha256": str,
    "files_sha256": str,
    "class_names": tuple[str, ...],
    "data_order": int,
    "config": dict,
    FORMER: dict,
    CHANGES: list,
    PATHS: dict,
}
"""The types of the fields of config.json, as `configure.convert` takes them."""


def versions() -> dict[str, Any]:
    """Returns the versions recorded in config.json."""
    return {"format": FORMAT, "jaxgen": jaxgen.__version__, "jax": jax.__version__}


def read(path: Path) -> dict[str, Any] | None:
    """Returns the content of config.json with today's names of fields, None where there is no such file.

    "format" stays that of the file, for `from_dict`.

    Raises:
      UsageError: if it cannot be read, is damaged, or was written by a later version.
    """
    try:
        content = parse_json(read_limited(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror}): make it a readable file, and run again") from error
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if not isinstance(content, dict) or "config" not in content:
        raise damaged(path, "it has no configuration")
    check_types(content, path)
    try:
        return upgrade(content, path)
    except (RecursionError, TypeError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def damaged(path: Path, reason: str) -> UsageError:
    """Returns the error for a config.json that is not as it was written."""
    return UsageError(f"{path} is damaged ({reason}): put a copy back, or use another run folder")


def check_types(content: Mapping[str, Any], path: Path) -> None:
    """Raises UsageError that names the first field of a config.json whose value has another type or is out of range."""
    try:
        for field in filter(content.__contains__, FIELDS):
            convert(content[field], FIELDS[field], field)
        for field in ("name", "sha256"):
            convert(content.get("experiment", {}).get(field, ""), str, f"experiment.{field}")
    except UsageError as error:
        raise damaged(path, str(error)) from error
    if content.get("format", 0) < 0:
        raise damaged(path, f"format is {content['format']}: give at least 0")
    if bad := [size for size in content.get("image_shape", ()) if not 1 <= size <= MAX_INT]:
        raise damaged(path, f"image_shape has {bad[0]}: give numbers from 1 to {MAX_INT}")


def upgrade(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Returns the content of a config.json of any format with today's names of fields.

    Args:
      content: as it was read.
      path: of the file, for errors.
    Raises:
      UsageError: if a later version wrote it.
    """
    written = content.get("format", 0)
    if written > FORMAT:
        raise UsageError(
            f"{path} has format {written}, written by jaxgen {content.get('jaxgen')}, and this jaxgen "
            f"{jaxgen.__version__} reads formats up to {FORMAT}: install the newer one"
        )
    if written == 0:
        content = {"data_order": 1} | content
    flat, experiment = flatten(content["config"]), dict(content.get("experiment", {}))
    for version in range(written, FORMAT):
        names = RENAMED_FIELDS.get(version, {})
        flat = {names.get(name, name): value for name, value in flat.items()}
        for name, values in RENAMED_VALUES.get(version, {}).items():
            if isinstance(value := flat.get(name), list):
                flat[name] = [values.get(item, item) for item in value]
            elif name in flat:
                flat[name] = values.get(value, value)
        name = experiment.get("name", "")
        experiment["name"] = RENAMED_EXPERIMENTS.get(version, {}).get(name, name)
    return content | {"format": written, "experiment": experiment, "config": nest(flat)}


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested values by dotted name."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        is_group = isinstance(value, dict) and value
        flat |= flatten(value, f"{prefix}{name}.") if is_group else {prefix + name: value}
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by dotted name as nested dictionaries, the inverse of `flatten`."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        inner = nested
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return nested


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a configuration as plain values, as JSON gives them back, without fields that are not recorded."""
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    return {name: value for name, value in values.items() if name not in NOT_RECORDED}


def from_dict(kind: type, values: Mapping[str, Any], format: int = FORMAT, prefix: str = "") -> Any:
    """Returns the configuration that `to_dict` converted.

    Args:
      kind: its dataclass.
      values: its fields. A missing one takes the default of the version that wrote them.
      format: of the file that they are from.
      prefix: the dotted name of this part, for errors.
    Raises:
      UsageError: if a field does not exist, with the nearest names, or its value has another type.
    """
    default, hints = kind(), get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.name not in NOT_RECORDED]
    former = {name: value for name, value in former_defaults(format).items() if name.startswith(prefix)}
    fields = {name: former[prefix + name] for name in names if prefix + name in former}
    for name, value in values.items():
        if name not in names:
            raise unknown("configuration field", prefix + name, [prefix + known for known in names])
        inner = type(getattr(default, name))
        if not dataclasses.is_dataclass(inner):
            fields[name] = convert(value, hints[name], prefix + name)
        elif isinstance(value, Mapping):
            fields[name] = from_dict(inner, value, format, f"{prefix}{name}.")
        else:
            raise UsageError(f"{prefix}{name} is {SHORT.repr(value)}: give a mapping of its options")
    return kind(**fields)


def former_defaults(format: int) -> dict[str, Any]:
    """Returns the values that stand for the absence of fields in a file of some format, by dotted name."""
    values: dict[str, Any] = {}
    for version in sorted(FORMER_DEFAULTS, reverse=True):
        values |= FORMER_DEFAULTS[version] if version >= format else {}
    return values


def absent_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields that a run was started without, with the value that stands for that, by dotted name."""
    there = flatten(content["config"])
    former = {name: value for name, value in former_defaults(content["format"]).items() if name not in there}
    return former | content.get(FORMER, {})
