"""The search space of a sweep: options of an experiment, and the values that each may take.

hyper.learning-rate=log:1e-5:1e-3     a number in the range, uniform in its logarithm
hyper.ema-decay=uniform:0.9:0.9999    a number in the range
width=int:8:32:8                      8, 16, 24 or 32
hyper.penalty-weight=choice:1,5,10    one of the values
features=choice:16 32,32 64           one of the values, of an option that takes several numbers
"""

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jaxgen.config.base import Config, check, look_up, replace_option
from jaxgen.errors import UsageError, unknown
from jaxgen.fields import changeable
from jaxgen.runs.command_line import option_names, parse

Value = float | int | str
KINDS = {
    "log": "log:LOW:HIGH",
    "uniform": "uniform:LOW:HIGH",
    "int": "int:LOW:HIGH or int:LOW:HIGH:STEP",
    "choice": "choice:A,B,C",
}
NOT_SEARCHED = changeable(Config) | {"seed", "init_from", "init_players"}
"""Options that change no result, or that the sweep sets itself."""


@dataclasses.dataclass(frozen=True)
class Field:
    """An option to search.

    Attributes:
      option: its dotted name, as in hyper.learning_rate.
      text: its values as on the command line.
      kind: one of `KINDS`.
      low: smallest number; None for a choice.
      high: largest number; None for a choice.
      step: distance between two integers.
      choices: values of a choice: numbers if all of them are, otherwise strings.
    """

    option: str
    text: str
    kind: str
    low: float | int | None = None
    high: float | int | None = None
    step: int = 1
    choices: tuple[Value, ...] = ()

    def values(self) -> tuple[Value, ...]:
        """Returns all values; empty for a range of real numbers."""
        if self.kind == "int" and self.low is not None and self.high is not None:
            return tuple(range(int(self.low), int(self.high) + 1, self.step))
        return self.choices

    def extremes(self) -> tuple[Value, ...]:
        """Returns the ends of a range, or all values of a choice."""
        return self.choices or tuple(end for end in (self.low, self.high) if end is not None)


def parse_field(text: str, config_type: type) -> Field:
    """Parses FIELD=KIND:….

    Args:
      text: as on the command line.
      config_type: the experiment's Config.
    Raises:
      UsageError: if the field does not exist or cannot be searched, or its range is empty or inverted.
    """
    name, equals, values = text.partition("=")
    option, (kind, _, rest) = name.replace("-", "_"), values.partition(":")
    names = set(option_names(config_type))
    if option not in names:
        raise unknown("search field", name, {known.replace("_", "-") for known in names - NOT_SEARCHED})
    if option in NOT_SEARCHED:
        raise UsageError(f"{name} cannot be searched: it changes no result, or the sweep sets it (--seeds, --dir)")
    if not equals or kind not in KINDS:
        raise UsageError(f"--search {text!r}: write {name}= and then {', '.join(KINDS.values())}")
    if kind == "choice":
        return Field(option, values, kind, choices=parse_choices(text, rest))
    return parse_range(text, option, values, kind, rest.split(":"))


def parse_choices(text: str, values: str) -> tuple[Value, ...]:
    """Parses A,B,C: numbers if all of them are, otherwise strings."""
    words = tuple(part.strip() for part in values.split(",") if part.strip())
    if not words:
        raise UsageError(f"--search {text!r} has no values: write choice:A,B,C")
    choices: tuple[Value, ...] = words
    for number in (float, int):
        # Plots order numbers by value.
        with contextlib.suppress(ValueError):
            choices = tuple(map(number, words))
    if len(set(choices)) < len(choices):
        raise UsageError(f"--search {text!r} has a value twice: write each value once")
    return choices


def parse_range(text: str, option: str, values: str, kind: str, ends: Sequence[str]) -> Field:
    """Returns the field of a range of numbers."""
    try:
        numbers = [int(end) if kind == "int" else float(end) for end in ends]
    except ValueError:
        numbers = []
    if not (len(numbers) == 2 or (kind == "int" and len(numbers) == 3)) or not all(map(math.isfinite, numbers)):
        raise UsageError(f"--search {text!r}: write {KINDS[kind]}, each of them a number")
    low, high = numbers[:2]
    step = int(numbers[2]) if len(numbers) == 3 else 1
    if low >= high:
        problem = "inverted: write the smaller end first" if low > high else "empty: write two different ends"
        raise UsageError(f"--search {text!r} is {problem}")
    if kind == "log" and low <= 0:
        raise UsageError(f"--search {text!r} starts at {low:g}: a logarithmic range needs ends above 0")
    if not 0 < step <= high - low and len(numbers) == 3:
        raise UsageError(f"--search {text!r} has a step of {step}: give one from 1 to {high - low}")
    return Field(option, values, kind, low, high - (high - low) % step if kind == "int" else high, step)


@dataclasses.dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
      fields: the searched options.
      config: the configuration of all other options.
      chosen: value in the configuration of each value of a choice, by option and value.
    """

    fields: tuple[Field, ...]
    config: Any
    chosen: Mapping[tuple[str, Value], Any]

    def configure(self, values: Mapping[str, Value], **others: Any) -> Any:
        """Returns the configuration with values of the searched options, and with other fields replaced."""
        config = dataclasses.replace(self.config, **others)
        for option, value in values.items():
            config = replace_option(config, option, self.chosen.get((option, value), value))
        return config

    def arguments(self, values: Mapping[str, Value]) -> list[str]:
        """Returns values of the searched options as command-line arguments."""
        return [argument for option, value in values.items() for argument in self._argument(option, value)]

    def is_in_state(self) -> bool:
        """Returns whether a population can search the space: all options are hyperparameters in the state."""
        return all(field.option.startswith("hyper.") for field in self.fields)

    def points(self) -> list[dict[str, Value]]:
        """Returns every combination of the values.

        Raises:
          UsageError: if a field is a range of real numbers.
        """
        for field in self.fields:
            if not field.values():
                raise UsageError(
                    f"a grid needs a list of values, and {field.option} is {field.text}: write choice:A,B,C"
                )
        combinations = itertools.product(*(field.values() for field in self.fields))
        return [dict(zip((field.option for field in self.fields), point, strict=True)) for point in combinations]

    def describe(self) -> dict[str, str]:
        """Returns the values of each searched option as on the command line."""
        return {field.option: field.text for field in self.fields}

    def extremes(self) -> Iterator[Any]:
        """Yields configurations that contain each extreme of each field at least once."""
        extremes = [field.extremes() for field in self.fields]
        for i in range(max(map(len, extremes))):
            values = {f.option: e[min(i, len(e) - 1)] for f, e in zip(self.fields, extremes, strict=True)}
            yield self.configure(values)

    def _argument(self, option: str, value: Value) -> list[str]:
        name, configured = option.replace("_", "-"), self.chosen.get((option, value), value)
        if isinstance(configured, bool):
            group, _, last = name.rpartition(".")
            return [f"--{group}{'.' if group else ''}{'' if configured else 'no-'}{last}"]
        return [f"--{name}", *(value.split() if isinstance(value, str) else [repr(value)])]


def make_space(texts: Sequence[str], config_type: type, arguments: Sequence[str], build: Callable) -> Space:
    """Returns a search space whose extremes are all valid configurations.

    Args:
      texts: FIELD=KIND:… of each option to search.
      config_type: the experiment's Config.
      arguments: the experiment's options.
      build: the experiment's function of that name, which raises for configurations that are not valid.
    Raises:
      UsageError: if a field, a value or an option is not valid.
    """
    fields = tuple(parse_field(text, config_type) for text in texts)
    options = [field.option for field in fields]
    if not fields:
        raise UsageError("no option is searched: give --search FIELD=log:LOW:HIGH, or uniform, int, choice")
    if repeated := {option for option in options if options.count(option) > 1}:
        raise UsageError(f"--search has {min(repeated)} twice: give it once")
    config = parse(config_type, arguments, "", "jaxgen sweep")
    for field in fields:
        require_type(field, look_up(config, field.option))
    chosen = {
        (field.option, value): parse_choice(config_type, arguments, field, value)
        for field in fields
        for value in field.choices
    }
    space = Space(fields, config, chosen)
    for extreme in space.extremes():
        check(extreme)
        build(extreme, None)
    return space


def require_type(field: Field, default: Any) -> None:
    """Raises UsageError if a range does not have the type of the option's default."""
    if field.kind != "choice" and (isinstance(default, bool) or not isinstance(default, (int, float))):
        raise UsageError(f"{field.option} is not a number: search it by choice:A,B,C")
    if field.kind in ("log", "uniform") and not isinstance(default, float):
        raise UsageError(f"{field.option} is an integer: search it by int:LOW:HIGH or choice:A,B,C")


def parse_choice(config_type: type, arguments: Sequence[str], field: Field, value: Value) -> Any:
    """Returns the value in the configuration of a value of a choice."""
    name, text = field.option.replace("_", "-"), str(value)
    if isinstance(look_up(config_type(), field.option), bool):
        if text not in ("true", "false"):
            raise UsageError(f"{field.option} is true or false: search it by choice:true,false")
        return text == "true"
    return look_up(parse(config_type, [*arguments, f"--{name}", *text.split()], "", "jaxgen sweep"), field.option)
