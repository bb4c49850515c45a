"""What a sweep searches: options of an experiment, each with the values that it may take.

hyper.learning-rate=log:1e-5:1e-3     a number between the two, evenly in its logarithm
hyper.ema-decay=uniform:0.9:0.9999    a number between the two
width=int:8:32:8                      8, 16, 24 or 32
hyper.penalty-weight=choice:1,5,10    one of these
features=choice:16 32,32 64           one of these, of an option that takes several words
"""

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jaxgen.config.base import CHANGEABLE, check, look_up
from jaxgen.errors import UsageError, unknown
from jaxgen.runs.command_line import option_names, parse

Value = float | int | str
KINDS = {
    "log": "log:LOW:HIGH",
    "uniform": "uniform:LOW:HIGH",
    "int": "int:LOW:HIGH or int:LOW:HIGH:STEP",
    "choice": "choice:A,B,C",
}
NOT_SEARCHED = CHANGEABLE | {"seed", "init_from", "init_players"}


@dataclasses.dataclass(frozen=True)
class Field:
    """An option that is searched.

    Attributes:
      option: its dotted name, as in hyper.learning_rate.
      text: how its values were asked for.
      kind: one of `KINDS`.
      low: smallest number; of a choice None.
      high: largest number; of a choice None.
      step: distance of two whole numbers.
      choices: of a choice, its values: numbers where all of them are, else the words of each.
    """

    option: str
    text: str
    kind: str
    low: float | int | None = None
    high: float | int | None = None
    step: int = 1
    choices: tuple[Value, ...] = ()

    def values(self) -> tuple[Value, ...] | None:
        """Returns every value, or None where there are too many to list."""
        if self.kind == "int":
            return tuple(range(self.low, self.high + 1, self.step))
        return self.choices or None

    def ends(self) -> tuple[Value, ...]:
        """Returns the values that tell whether all of them are allowed."""
        return self.choices or (self.low, self.high)


def read_field(text: str, kind: type) -> Field:
    """Returns the field that FIELD=KIND:… stands for.

    Args:
      text: as on the command line.
      kind: the experiment's Config.
    Raises:
      UsageError: for a field that does not exist or is not for searching, and for a range that is empty or inverted.
    """
    name, equals, asked = text.partition("=")
    option, (how, _, rest) = name.replace("-", "_"), asked.partition(":")
    names = set(option_names(kind))
    if option not in names:
        raise unknown("search field", name, {known.replace("_", "-") for known in names - NOT_SEARCHED})
    if option in NOT_SEARCHED:
        raise UsageError(f"{name} is not searched: it changes no recipe, or is the sweep's own (--seeds, --dir)")
    if not equals or how not in KINDS:
        raise UsageError(f"search {text!r}: write {name}= and then {', '.join(KINDS.values())}")
    if how == "choice":
        return Field(option, asked, how, choices=read_choices(text, rest))
    return read_range(text, option, asked, how, rest.split(":"))


def read_choices(text: str, words: str) -> tuple[Value, ...]:
    """Returns the values of a choice: numbers where all of them are, else as words of a command line."""
    choices = tuple(part.strip() for part in words.split(",") if part.strip())
    if not choices:
        raise UsageError(f"search {text!r} has nothing to choose from: write choice:A,B,C")
    values: tuple[Value, ...] = choices
    for number in (float, int):
        # As numbers, pictures draw them in their order.
        with contextlib.suppress(ValueError):
            values = tuple(map(number, choices))
    if len(set(values)) < len(values):
        raise UsageError(f"search {text!r} names a value twice: name each once")
    return values


def read_range(text: str, option: str, asked: str, how: str, ends: Sequence[str]) -> Field:
    """Returns the field of a range of numbers."""
    try:
        numbers = [int(end) if how == "int" else float(end) for end in ends]
    except ValueError:
        numbers = []
    if not (len(numbers) == 2 or (how == "int" and len(numbers) == 3)) or not all(map(math.isfinite, numbers)):
        raise UsageError(f"search {text!r}: write {KINDS[how]}, each of them a number")
    low, high, *step = numbers
    if low >= high:
        told = "inverted: write the smaller end first" if low > high else "empty: write two different ends"
        raise UsageError(f"search {text!r} is {told}")
    if how == "log" and low <= 0:
        raise UsageError(f"search {text!r} begins at {low:g}: a logarithm needs ends above 0")
    if step and not 0 < step[0] <= high - low:
        raise UsageError(f"search {text!r} goes in steps of {step[0]}: give one from 1 to {high - low}")
    size = step[0] if step else 1
    return Field(option, asked, how, low, high - (high - low) % size if how == "int" else high, size)


@dataclasses.dataclass(frozen=True)
class Space:
    """All that is searched, and the configuration that the rest comes from.

    Attributes:
      fields: what is searched.
      config: every option at the value that it has where it is not searched.
      chosen: of a choice, what a value stands for, by option and value.
    """

    fields: tuple[Field, ...]
    config: Any
    chosen: Mapping[tuple[str, Value], Any]

    def configure(self, values: Mapping[str, Value], **others: Any) -> Any:
        """Returns the configuration with given values of what is searched, and given other fields of it."""
        config = dataclasses.replace(self.config, **others)
        for option, value in values.items():
            config = with_option(config, option.split("."), self.chosen.get((option, value), value))
        return config

    def flags(self, values: Mapping[str, Value]) -> list[str]:
        """Returns the words of a command line that give these values."""
        return [word for option, value in values.items() for word in flag(option, self.chosen, value)]

    def is_numeric(self) -> bool:
        """Returns whether all that is searched are numbers of the state, which one program can hold many of."""
        return all(field.option.startswith("hyper.") for field in self.fields)

    def points(self) -> list[dict[str, Value]]:
        """Returns every combination of the values, of a space that has finitely many.

        Raises:
          UsageError: if a field has too many values to list.
        """
        for field in self.fields:
            if field.values() is None:
                raise UsageError(f"a grid needs values to list, and {field.option} is {field.text}: write choice:A,B,C")
        each = itertools.product(*(field.values() for field in self.fields))
        return [dict(zip((field.option for field in self.fields), point, strict=True)) for point in each]

    def describe(self) -> dict[str, str]:
        """Returns how the values of each option were asked for."""
        return {field.option: field.text for field in self.fields}

    def corners(self) -> Iterator[Any]:
        """Yields configurations in which every end of every field occurs."""
        ends = [field.ends() for field in self.fields]
        for i in range(max(map(len, ends))):
            yield self.configure({f.option: e[min(i, len(e) - 1)] for f, e in zip(self.fields, ends, strict=True)})


def flag(option: str, chosen: Mapping[tuple[str, Value], Any], value: Value) -> list[str]:
    """Returns an option with a value as words of a command line."""
    name, meant = option.replace("_", "-"), chosen.get((option, value), value)
    if isinstance(meant, bool):
        head, _, last = name.rpartition(".")
        return [f"--{head}{'.' if head else ''}{'' if meant else 'no-'}{last}"]
    return [f"--{name}", *(value.split() if isinstance(value, str) else [repr(value)])]


def with_option(config: Any, path: Sequence[str], value: Any) -> Any:
    """Returns a configuration with another value at the end of a path of fields."""
    if len(path) > 1:
        value = with_option(getattr(config, path[0]), path[1:], value)
    return dataclasses.replace(config, **{path[0]: value})


def make_space(texts: Sequence[str], kind: type, words: Sequence[str], build: Callable) -> Space:
    """Returns the space that a command line asks for, every end of which was found to be allowed.

    Args:
      texts: FIELD=KIND:… of each option that is searched.
      kind: the experiment's Config.
      words: the experiment's own options.
      build: the experiment's build, which refuses what does not fit together.
    Raises:
      UsageError: for a search that makes no sense, or an option that does not.
    """
    fields = tuple(read_field(text, kind) for text in texts)
    options = [field.option for field in fields]
    if not fields:
        raise UsageError("nothing is searched: give --search FIELD=log:LOW:HIGH, or uniform, int, choice")
    if twice := {option for option in options if options.count(option) > 1}:
        raise UsageError(f"{sorted(twice)[0]} is searched twice: give it once")
    config = parse(kind, words, "", "jaxgen sweep")
    for field in fields:
        now = look_up(config, field.option)
        if field.kind != "choice" and (isinstance(now, bool) or not isinstance(now, (int, float))):
            raise UsageError(f"{field.option} is no number: search it by choice:A,B,C")
        if field.kind in ("log", "uniform") and not isinstance(now, float):
            raise UsageError(f"{field.option} takes whole numbers: search it by int:LOW:HIGH or choice:A,B,C")
    chosen = {
        (field.option, value): read_choice(kind, words, field, value) for field in fields for value in field.choices
    }
    space = Space(fields, config, chosen)
    for corner in space.corners():
        check(corner)
        build(corner, None)
    return space


def read_choice(kind: type, words: Sequence[str], field: Field, value: Value) -> Any:
    """Returns what a value of a choice stands for."""
    name, text = field.option.replace("_", "-"), str(value)
    if isinstance(look_up(kind(), field.option), bool):
        if text not in ("true", "false"):
            raise UsageError(f"{field.option} is on or off: search it by choice:true,false")
        return text == "true"
    return look_up(parse(kind, [*words, f"--{name}", *text.split()], "", "jaxgen sweep"), field.option)
