"""The classes of a run by the names that its data gave them."""

from pathlib import Path

from jaxgen.errors import UsageError, unknown
from jaxgen.runs import reopen


def class_names(run: Path) -> tuple[str, ...]:
    """Returns the names of the classes of a run's data, or () where they have none."""
    return tuple(reopen.read_config(run).get("class_names") or ())


def find_label(run: Path, label: str | int | None) -> int | None:
    """Returns the number of a class.

    Args:
      run: the run folder, whose config.json has the names.
      label: the name of a class, or its number; None stands for no class.
    Raises:
      UsageError: if no class has that name.
    """
    if label is None or isinstance(label, int):
        return label
    names = class_names(run)
    if label in names:
        return names.index(label)
    if label.removeprefix("-").isdecimal():
        return int(label)
    if names:
        raise unknown("class", label, names)
    raise UsageError(f"label {label}: the classes of {run} have no names; give a number")
