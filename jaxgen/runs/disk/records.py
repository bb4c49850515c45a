"""The record of a saved state, with its own SHA-256: the configuration, metrics and digests of the state.

A record is {"step", "config", "metrics", "selection", "parameters" (how many, by player), "digest", "leaves"}.
"""

import errno
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from jax.errors import JaxRuntimeError

from jaxgen.errors import UsageError
from jaxgen.io.text import parse_json, read_limited
from jaxgen.runs.disk.digests import fingerprint, hash_json
from jaxgen.training.state import Selection, TrainState

Record = dict[str, Any]
MISSING = (errno.ENOENT, errno.ENOTDIR)
"""Errors of the system for a file that is not there."""


class Damaged(Exception):
    """Something is not as it was written."""


def make_record(
    step: int, state: TrainState, metrics: Mapping[str, float], config: dict[str, Any], selection: Selection | None
) -> Record:
    """Returns the record of a state.

    Args:
      step: training steps that it has seen.
      state: the state.
      metrics: those of that step.
      config: content of the run's config.json.
      selection: the metric and direction that rank the run's checkpoints.
    """
    leaves = fingerprint(state)
    return {
        "step": step,
        "config": config,
        "metrics": dict(metrics),
        "selection": selection and selection._asdict(),
        "parameters": count_parameters(state.params),
        "digest": hash_json(leaves),
        "leaves": leaves,
    }


def count_parameters(params: Mapping[str, Any]) -> dict[str, int]:
    """Returns the number of parameters of each player."""
    return {player: sum(x.size for x in jax.tree.leaves(tree)) for player, tree in params.items()}


def seal(record: Record) -> dict[str, Any]:
    """Returns a record with its own SHA-256, ready to be written as JSON."""
    return {"sha256": hash_json(record), "record": record}


def read_record(path: Path) -> Record:
    """Returns the record in a file.

    Raises:
      Damaged: if it cannot be read, or not as it was written.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        sealed = parse_json(read_limited(path))
        record, seal = sealed["record"], sealed["sha256"]
        is_whole = hash_json(record) == seal
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        require_readable(path, error)
        raise Damaged(f"{name} cannot be read ({type(error).__name__})") from error
    if not is_whole:
        raise Damaged(f"{name} is not as it was written")
    # Someone else's file may have a valid digest and any content.
    if not is_record(record):
        raise Damaged(f"{name} is no record")
    return record


def is_record(value: Any) -> bool:
    """Returns whether a value has the fields of a record, of their types."""
    is_numbers = lambda found: isinstance(found, dict) and all(type(x) in (int, float) for x in found.values())
    is_leaf = lambda found: isinstance(found, dict) and {"dtype", "shape", "sha256"} <= found.keys()
    try:
        return (
            type(value["step"]) is int
            and isinstance(value["config"], dict)
            and isinstance(value["digest"], str)
            and is_numbers(value["metrics"])
            and is_numbers(value["parameters"])
            and all(map(is_leaf, value["leaves"].values()))
            and (value["selection"] is None or isinstance(read_selection(value["selection"]).metric, str))
        )
    except (KeyError, TypeError, AttributeError):
        return False


def require_readable(path: Path, error: Exception) -> None:
    """Raises UsageError where a file could not be read although it is not damaged, as without permission.

    Args:
      path: what was read.
      error: the error of reading it.
    """
    cause: BaseException | None = error
    while cause is not None:
        if reason := system_reason(cause):
            raise UsageError(
                f"cannot read {path} ({reason}): make it readable, or free memory, and run again"
            ) from error
        cause = cause.__cause__ or cause.__context__


def system_reason(error: BaseException) -> str:
    """Returns why the system could not read a file that is there; empty where an error has another reason."""
    if isinstance(error, OSError) and error.errno not in (None, *MISSING):
        return " ".join(str(error).split())[:200]
    # TensorStore reports the system's error in the text of its own.
    found = re.search(r"os_error_code='(\d+)'", str(error))
    if found and int(found[1]) not in MISSING:
        return os.strerror(int(found[1]))
    return " ".join(str(error).split())[:200] if isinstance(error, JaxRuntimeError) else ""


def read_selection(recorded: Mapping[str, Any]) -> Selection:
    """Returns the selection of a record. Records of earlier versions name the direction by `largest`, a boolean."""
    if "largest" in recorded:
        return Selection(recorded["metric"], "maximize" if recorded["largest"] else "minimize")
    return Selection(**recorded)


def best_first(metrics: Mapping[int, Mapping[str, float]], selection: Selection | None) -> list[int]:
    """Returns the steps ranked by the selected metric, the best first, and the older one first where two are equal.

    Args:
      metrics: by step. A step without the selected metric, or with NaN for it, is left out.
      selection: the metric and its direction; None: no step is returned.
    """
    if selection is None:
        return []
    sign = -1 if selection.direction == "maximize" else 1
    scores = {step: sign * known.get(selection.metric, math.nan) for step, known in sorted(metrics.items())}
    return sorted((step for step, score in scores.items() if not math.isnan(score)), key=scores.__getitem__)
