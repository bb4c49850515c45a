"""The registry of degradations, from which options, help, the benchmark, documentation and tests are derived.

A degradation's file declares its entry with `register`, and `jaxgen.degradations` imports the function by one line.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jax import Array

from jaxgen.degradations.draws import uniform

Returns = Literal["images", "opacity", "noise_level"]
OPACITY_THRESHOLD = 0.1
"""Opacity from which on a pixel counts as hidden, in masks for networks and for scores."""


@dataclass(frozen=True)
class Benchmark:
    """The fixed strength at which the damage benchmark applies a degradation.

    Attributes:
      about: the degradation and its strength, in words.
      apply: (key[batch], images) -> images, or (images, opacity).
    """

    about: str
    apply: Callable[..., Any]


@dataclass(frozen=True)
class Strengths:
    """The strengths at which `jaxgen evaluate RESTORER --images FOLDER` measures a restorer, a column of a table each.

    Attributes:
      column: format of a column's title, as in "σ {:g}".
      values: the strengths.
      hyper: strength -> the hyperparameters that fix it.
      about: the degradation, in words.
    """

    column: str
    values: tuple[float, ...]
    hyper: Callable[[float], dict[str, Any]]
    about: str


@dataclass(frozen=True)
class Degradation:
    """One entry of the registry.

    Attributes:
      function: (key, images, …) -> images, or (images, opacity).
      about: what it does, a noun phrase for help and tables.
      sample: (key[batch], images, hyper) -> images and so on, at a random strength for each image; with `resizes`, a
        further argument `scale`. The experiments apply it.
      name: of the entry and of the experiments' option; by default the function's.
      example: arguments of a clearly visible degradation, for the gallery and the tests.
      random: whether the key has an effect.
      returns: "images"; "opacity": function and `sample` also return float[batch, height, width, 1], how far each pixel
        is hidden; "noise_level": `sample` also returns float[batch], the standard deviation of the noise.
      hyper: dataclass of the hyperparameters that `sample` reads, its field docstrings being their help.
      grain: whether the experiments may add noise after it.
      resizes: whether the images become smaller.
      benchmark: its part of the damage benchmark, or None.
      strengths: of the tables of `jaxgen evaluate --on`, or None.
    """

    function: Callable[..., Any]
    about: str
    sample: Callable[..., Any]
    name: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    random: bool = True
    returns: Returns = "images"
    hyper: type | None = None
    grain: bool = True
    resizes: bool = False
    benchmark: Benchmark | None = None
    strengths: Strengths | None = None

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.function.__name__)

    @property
    def hyper_names(self) -> tuple[str, ...]:
        """Names of the hyperparameters that `sample` reads."""
        return tuple(x.name for x in dataclasses.fields(self.hyper)) if self.hyper else ()


DEGRADATIONS: dict[str, Degradation] = {}
"""Every degradation by name, in the order in which `jaxgen.degradations` imports them."""


def register(function: Callable[..., Any], about: str, **fields: Any) -> Degradation:
    """Adds a degradation to `DEGRADATIONS`.

    Args:
      function, about: see `Degradation`.
      **fields: further attributes of `Degradation`, `sample` among them.
    Returns:
      The entry.
    Raises:
      ValueError: if the name, or the name of a hyperparameter, belongs to another entry.
    """
    entry = Degradation(function, about, **fields)
    if entry.name in DEGRADATIONS:
        raise ValueError(f"degradation {entry.name!r} is registered already: choose another name")
    for other in DEGRADATIONS.values():
        shared = set(entry.hyper_names) & set(other.hyper_names)
        if shared and entry.hyper is not other.hyper:
            raise ValueError(
                f"hyperparameter {min(shared)!r} of degradation {entry.name!r} belongs to {other.name!r}: choose "
                "another name"
            )
    DEGRADATIONS[entry.name] = entry
    return entry


def at_defaults(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the `sample` of a degradation that draws its strength itself and reads no hyperparameter."""
    return lambda keys, images, hyper: function(keys, images)


def fixed(*names: str) -> Callable[[float], dict[str, Any]]:
    """Returns `Strengths.hyper` of hyperparameters that are all equal to the strength."""
    return lambda strength: dict.fromkeys(names, strength)


def sample_between(function: Callable[..., Any], low: str, high: str, unit: float = 1.0) -> Callable[..., Any]:
    """Returns the `sample` of a degradation whose strength is uniform between two hyperparameters, times a unit."""

    def sample(keys: Array, images: Array, hyper: Mapping[str, Array]) -> Any:
        return function(keys, images, unit * uniform(keys, len(images), hyper[low], hyper[high]))

    return sample
