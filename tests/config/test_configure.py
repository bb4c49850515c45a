from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest

from jaxgen.config.configure import configure
from jaxgen.errors import UsageError


@dataclass(frozen=True)
class Inner:
    rate: Annotated[float, "doc"] = 0.1
    name: str = ""


@dataclass(frozen=True)
class Outer:
    steps: int = 10
    flag: bool = True
    widths: tuple[int, ...] = (1, 2)
    size: tuple[int, int] | None = None
    kind: Literal["a", "b"] = "a"
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Outer()),
        ({"steps": np.int64(3)}, Outer(steps=3)),
        ({"flag": False}, Outer(flag=False)),
        ({"widths": [3]}, Outer(widths=(3,))),
        ({"size": (2, 3)}, Outer(size=(2, 3))),
        ({"size": None}, Outer()),
        ({"kind": "b"}, Outer(kind="b")),
        ({"inner": {"rate": 1}}, Outer(inner=Inner(rate=1.0))),
        ({"inner": {"name": Path("x/y")}}, Outer(inner=Inner(name="x/y"))),
        ({"inner": Inner(2.0)}, Outer(inner=Inner(2.0))),
    ],
)
def test_values_are_set_and_converted(options, expected):
    config = configure(Outer, options)
    assert config == expected
    assert type(config.inner.rate) is float
    assert type(config.steps) is int


def test_other_fields_stay_those_of_the_base():
    base = Outer(steps=3, inner=Inner(rate=2.0, name="n"))
    assert configure(Outer, {"inner": {"rate": 5.0}}, base) == Outer(steps=3, inner=Inner(rate=5.0, name="n"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 3}, "unknown option 'step'.*steps"),
        ({"inner": {"rat": 3}}, "unknown option of inner 'rat': did you mean rate"),
        ({"rate": 3}, "unknown option 'rate': it is in a group, give inner={'rate': …}"),
        ({"steps": "3"}, "steps is '3': give int"),
        ({"steps": 3.5}, "steps is 3.5: give int"),
        ({"steps": True}, "steps is True: give int"),
        ({"flag": 1}, "flag is 1: give bool"),
        ({"inner": {"rate": "x"}}, r"inner\.rate is 'x': give float"),
        ({"inner": {"name": 3}}, r"inner\.name is 3: give str"),
        ({"inner": 3}, "inner is 3: give a mapping"),
        ({"widths": 3}, "widths is 3"),
        ({"widths": ["x"]}, "widths is 'x': give int"),
        ({"size": (1, 2, 3)}, r"size is \(1, 2, 3\): give 2"),
        ({"kind": "c"}, "unknown kind 'c'.*a, b"),
        ({"steps": None}, "steps is None: give int"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    with pytest.raises(UsageError, match=message):
        configure(Outer, options)
