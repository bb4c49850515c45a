"""Annotations of configuration fields: the values that a field may have, and whether a resumed run may change it.

    width: PositiveInt = 64
    tensorboard: Annotated[bool, PER_PROCESS] = True

A subclass that changes a field's default keeps the annotations of its bases.
"""

import dataclasses
import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

from typing_extensions import Doc


@dataclass(frozen=True)
class Range:
    """The finite numbers that a field may have.

    Attributes:
      minimum: the smallest one.
      maximum: the largest one.
      below: all are less than this.
    """

    minimum: float = -math.inf
    maximum: float = math.inf
    below: float = math.inf

    @property
    def is_bounded(self) -> bool:
        """Whether there is a largest number."""
        return min(self.maximum, self.below) < math.inf

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.minimum <= value <= self.maximum and value < self.below

    def __str__(self) -> str:
        parts = []
        if self.minimum > -math.inf:
            parts.append(f"at least {self.minimum:.16g}")
        if self.maximum < math.inf:
            parts.append(f"at most {self.maximum:.16g}")
        if self.below < math.inf:
            parts.append(f"less than {self.below:.16g}")
        return " and ".join(parts)


@dataclass(frozen=True)
class Changeable:
    """The field may differ between the parts of one run: it changes neither the recipe nor the data.

    Attributes:
      per_process: whether it may differ between the processes of one run too.
    """

    per_process: bool = False


CHANGEABLE, PER_PROCESS = Changeable(), Changeable(per_process=True)
PositiveInt = Annotated[int, Range(minimum=1)]
NonNegativeInt = Annotated[int, Range(minimum=0)]
NonNegative = Annotated[float, Range(minimum=0)]
Decay = Annotated[float, Range(minimum=0, below=1)]
Probability = Annotated[float, Range(minimum=0, maximum=1)]
Seed = Annotated[int, Range(minimum=0, below=2**32)]


def hyperparameter(name: str, default: float, about: str, kind: Any = float) -> type:
    """Returns a frozen dataclass of one hyperparameter, to be a base of one that has several.

    Args:
      name: of the field.
      default: its value.
      about: its text in --help.
      kind: its type and range, such as `Decay`.
    """
    return dataclasses.make_dataclass(f"Hyper_{name}", [(name, Annotated[kind, Doc(about)], default)], frozen=True)


def field_annotations(kind: type, prefix: str = "") -> dict[str, tuple[Any, ...]]:
    """Returns the annotations of the fields of a dataclass and of those nested in it, by dotted name."""
    annotations: dict[str, tuple[Any, ...]] = {}
    for base in reversed(kind.__mro__):
        for name, annotation in inspect.get_annotations(base).items():
            if get_origin(annotation) is Annotated:
                annotations[prefix + name] = annotation.__metadata__
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.default):
            annotations |= field_annotations(type(field.default), f"{prefix}{field.name}.")
    return annotations


def changeable(kind: type, *, per_process: bool = False) -> frozenset[str]:
    """Returns the dotted names of the fields that may differ between the parts of one run, or between its processes."""
    allowed = {PER_PROCESS} if per_process else {CHANGEABLE, PER_PROCESS}
    return frozenset(name for name, items in field_annotations(kind).items() if allowed & set(items))


def ranges(kind: type) -> dict[str, Range]:
    """Returns the ranges of fields by dotted name."""
    return {name: item for name, items in field_annotations(kind).items() for item in items if isinstance(item, Range)}


def flat_values(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the values of a configuration's fields, nested ones included, by dotted name."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from flat_values(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value
