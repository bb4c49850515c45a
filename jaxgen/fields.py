"""Annotations of configuration fields: the values that a field may have, and whether a resumed run may change it.

    width: PositiveInt = 64
    tensorboard: Annotated[bool, PER_PROCESS] = True

A subclass that changes a field's default keeps the annotations of its bases.
"""

import dataclasses
import inspect
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from typing_extensions import Doc

from jaxgen.errors import UsageError

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
"""The beginning of the address of a remote file."""
MAY_BE_REMOTE = frozenset({"storage", "sweep.storage", "data.dir", "data.target_dir", "data_dir"})
"""Options that take an address: a database's, and that of data, which TFDS opens."""
MAX_INT = 2**31 - 1
"""Largest whole number of an option without a smaller bound: steps and sizes are counted in int32."""


@dataclass(frozen=True)
class Range:
    """The finite numbers that a field may have.

    Attributes:
      minimum: the smallest one.
      maximum: the largest one.
      below: all are less than this.
      above: all are greater than this.
    """

    minimum: float = -math.inf
    maximum: float = math.inf
    below: float = math.inf
    above: float = -math.inf

    def __contains__(self, value: float) -> bool:
        is_finite = isinstance(value, int) or math.isfinite(value)
        return is_finite and self.minimum <= value <= self.maximum and self.above < value < self.below

    def __str__(self) -> str:
        parts = []
        if self.minimum > -math.inf:
            parts.append(f"at least {self.minimum:.16g}")
        if self.above > -math.inf:
            parts.append(f"more than {self.above:.16g}")
        if self.maximum < math.inf and self.maximum != MAX_INT:
            parts.append(f"at most {self.maximum:.16g}")
        if self.below < math.inf:
            parts.append(f"less than {self.below:.16g}")
        return " and ".join(parts)


@dataclass(frozen=True)
class Length:
    """The numbers of values that a field of several values may have.

    Attributes:
      minimum: the smallest one.
    """

    minimum: int

    def __str__(self) -> str:
        return f"{self.minimum} or more values"


@dataclass(frozen=True)
class Changeable:
    """The field may differ between the parts of one run: it changes neither the recipe nor the data.

    Attributes:
      per_process: whether it may differ between the processes of one run too.
    """

    per_process: bool = False


CHANGEABLE, PER_PROCESS = Changeable(), Changeable(per_process=True)
PositiveInt = Annotated[int, Range(minimum=1, maximum=MAX_INT)]
NonNegativeInt = Annotated[int, Range(minimum=0, maximum=MAX_INT)]
Widths = Annotated[tuple[PositiveInt, ...], Length(1)]
Depth = Annotated[int, Range(minimum=2, maximum=1000)]
GrayLevels = Annotated[float, Range(minimum=0, maximum=255)]
Fraction = Annotated[float, Range(above=0, below=1)]
NonNegative = Annotated[float, Range(minimum=0)]
Decay = Annotated[float, Range(minimum=0, below=1)]
Probability = Annotated[float, Range(minimum=0, maximum=1)]
Seed = Annotated[int, Range(minimum=0, below=2**32)]
Positive = Annotated[float, Range(above=0)]


def hyperparameters(**fields: tuple) -> type:
    """Returns a frozen dataclass of hyperparameters, to be a base of one that has several of these.

    Args:
      **fields: (default, text in --help) of each; where it is not any float, its type and range as well, as in `Decay`.
    """
    typed = [
        (name, Annotated[kind[0] if kind else float, Doc(about)], default)
        for name, (default, about, *kind) in fields.items()
    ]
    return dataclasses.make_dataclass("_".join(fields), typed, frozen=True)


def parts(kind: type, prefix: str = "") -> Iterator[tuple[str, type]]:
    """Yields (prefix of the dotted names of its fields, dataclass) for a dataclass and those nested in it."""
    yield prefix, kind
    for field in dataclasses.fields(kind):
        inner = field.default_factory if isinstance(field.default_factory, type) else type(field.default)
        if dataclasses.is_dataclass(inner):
            yield from parts(inner, f"{prefix}{field.name}.")


def field_annotations(kind: type) -> dict[str, tuple[Any, ...]]:
    """Returns the annotations of the fields of a dataclass and of those nested in it, by dotted name."""
    return {
        prefix + name: found
        for prefix, part in parts(kind)
        for base in reversed(part.__mro__)
        for name, annotation in inspect.get_annotations(base).items()
        if (found := metadata(annotation))
    }


def metadata(annotation: Any) -> tuple[Any, ...]:
    """Returns the metadata of an annotation and of the types in it, as in Annotated[int, …] | None."""
    own = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    return own + tuple(item for inner in get_args(annotation) for item in metadata(inner))


def changeable(kind: type, *, per_process: bool = False) -> frozenset[str]:
    """Returns the dotted names of the fields that may differ between the parts of one run, or between its processes."""
    allowed = {PER_PROCESS} if per_process else {CHANGEABLE, PER_PROCESS}
    return frozenset(name for name, items in field_annotations(kind).items() if allowed & set(items))


def ranges(kind: type) -> dict[str, Range]:
    """Returns the ranges of fields by dotted name.

    A hyperparameter without a range is at least 0; NAME_final, the end of a schedule, has the range of NAME.
    """
    found = {name: item for name, items in field_annotations(kind).items() for item in items if isinstance(item, Range)}
    for prefix, part in parts(kind):
        for name in (prefix + field.name for field in dataclasses.fields(part)):
            if start := found.get(name.removesuffix("_final")):
                found.setdefault(name, start)
            elif prefix == "hyper.":
                found[name] = Range(minimum=0)
    return found


def lengths(kind: type) -> dict[str, Length]:
    """Returns the lengths of fields of several values by dotted name."""
    return {name: item for name, items in field_annotations(kind).items() for item in items if isinstance(item, Length)}


def require_in_range(config: Any) -> None:
    """Raises UsageError for a value outside of the range of its field. None stands for an option that was not given."""
    allowed, counts = ranges(type(config)), lengths(type(config))
    for name, value in flat_values(config):
        if name in counts and len(value) < counts[name].minimum:
            raise UsageError(f"{name} has {len(value)} values: give {counts[name]}")
        for number in value if isinstance(value, tuple) else (value,):
            if name in allowed and number is not None and number not in allowed[name]:
                is_bounded = min(allowed[name].maximum, allowed[name].below) < math.inf
                finite = "" if isinstance(number, int) or is_bounded else "a finite number of "
                is_large = isinstance(number, int) and number > MAX_INT == allowed[name].maximum
                wanted = f"at most {MAX_INT}" if is_large else allowed[name]
                raise UsageError(f"{name} is {as_text(number)}: give {finite}{wanted}")


def require_local(config: Any) -> None:
    """Raises UsageError where an option of a configuration or a command names a remote file or folder."""
    for name, value in flat_values(config):
        for item in value if isinstance(value, tuple) else (value,):
            if name not in MAY_BE_REMOTE and isinstance(item, str | os.PathLike):
                require_local_path(item, name)


def require_local_path(path: str | os.PathLike, name: str) -> None:
    """Raises UsageError where a path is the address of a remote file or folder, as gs://BUCKET/RUN.

    Args:
      path: of a file or a folder. `pathlib` makes gs:/BUCKET of an address, which would be a local folder.
      name: of the option. The address itself may hold a password, and is not shown.
    """
    if address := ADDRESS.match(os.fspath(path)):
        raise UsageError(
            f"{name} is a {address[1]}:// address: give a folder or file of a local or a mounted disk (gcsfuse mounts "
            "buckets), and copy it there when the run ends"
        )


def as_text(value: Any) -> str:
    """Formats the value of an option as it is typed: whole numbers with all digits."""
    if isinstance(value, tuple):
        return " ".join(map(as_text, value))
    return f"{value:.16g}" if isinstance(value, float) else str(value)


def flat_values(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the values of a configuration's fields, nested ones included, by dotted name."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from flat_values(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value
