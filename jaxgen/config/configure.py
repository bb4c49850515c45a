"""Makes the configuration of an experiment from values by name, as a Python caller gives them."""

import contextlib
import dataclasses
import os
import reprlib
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from jaxgen.errors import UsageError, unknown

NUMBERS = {int: (int, np.integer), float: (int, float, np.integer, np.floating)}
SHORT = reprlib.Repr()
"""Shows a value in an error, however long or deeply nested."""
SHORT.maxlevel, SHORT.maxstring, SHORT.maxlong, SHORT.maxother = 3, 100, 100, 100


def configure(kind: Any, options: Mapping[str, Any], base: Any = None, prefix: str = "") -> Any:
    """Returns a configuration with some fields set.

    Args:
      kind: its dataclass.
      options: values by field. That of a group of options, such as data or hyper, is a mapping too.
      base: the configuration whose other fields are kept; None: the defaults.
      prefix: the dotted name of this group, for errors.
    Raises:
      UsageError: if a field does not exist, with the nearest names, or a value has another type.
    """
    base = kind() if base is None else base
    names = {field.name for field in dataclasses.fields(kind)}
    hints = get_type_hints(kind)
    values = {}
    for name, value in options.items():
        if name not in names:
            raise unknown_option(name, base, prefix)
        current = getattr(base, name)
        if dataclasses.is_dataclass(current) and isinstance(value, Mapping):
            values[name] = configure(type(current), value, current, f"{prefix}{name}.")
        elif dataclasses.is_dataclass(current):
            if not isinstance(value, type(current)):
                raise UsageError(
                    f"{prefix}{name} is {SHORT.repr(value)}: give a mapping of its options, such as dict(name=value)"
                )
            values[name] = value
        else:
            values[name] = convert(value, hints[name], prefix + name)
    return dataclasses.replace(base, **values)


def unknown_option(name: str, base: Any, prefix: str) -> UsageError:
    """Returns the error for a field that a configuration does not have, with the group that has it or near names."""
    values = {field.name: getattr(base, field.name) for field in dataclasses.fields(base)}
    for group, inside in values.items():
        if dataclasses.is_dataclass(inside) and hasattr(inside, name):
            return UsageError(f"unknown option {prefix + name!r}: it is in a group, give {group}={{{name!r}: …}}")
    return unknown(f"option of {prefix[:-1]}" if prefix else "option", name, values)


def convert(value: Any, hint: Any, name: str) -> Any:
    """Returns the value of a field as the type that its annotation names.

    Whole numbers become floats, lists tuples, and paths strings, where the annotation asks for that.

    Args:
      value: of the field.
      hint: its annotation.
      name: of the field, for errors.
    Raises:
      UsageError: if the value has another type, or is none of the allowed ones.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return convert(value, inner[0], name)
    if origin in {Union, types.UnionType}:
        kinds = [kind for kind in inner if kind is not type(None)]
        if all(get_origin(kind) is Literal for kind in kinds):
            kinds = [Literal[*(choice for kind in kinds for choice in get_args(kind))]]
        # Of a number or several numbers, as of data.size, the value says which.
        several = [kind for kind in kinds if get_origin(kind) is tuple] if isinstance(value, list | tuple) else []
        return None if value is None else convert(value, [*several, *kinds][0], name)
    if origin is Literal and value not in inner:
        raise unknown(name, value if isinstance(value, str) else SHORT.repr(value), map(str, inner))
    if origin is tuple and isinstance(value, list | tuple):
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else inner
        if len(kinds) != len(value):
            raise UsageError(f"{name} is {SHORT.repr(value)}: give {len(kinds)} values")
        return tuple(convert(item, kind, name) for item, kind in zip(value, kinds, strict=True))
    return value if origin is Literal else as_type(value, hint, name)


def as_type(value: Any, kind: Any, name: str) -> Any:
    """Returns a value as a plain type; see `convert`."""
    if kind in NUMBERS and isinstance(value, NUMBERS[kind]) and not isinstance(value, bool):
        # A whole number of hundreds of digits is no float.
        with contextlib.suppress(OverflowError):
            return kind(value)
    if kind is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(kind, type) and kind not in NUMBERS and isinstance(value, kind):
        return value
    expected = kind.__name__ if isinstance(kind, type) else str(kind).removeprefix("typing.")
    raise UsageError(f"{name} is {SHORT.repr(value)}: give {expected}")
