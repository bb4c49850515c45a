"""The interface between a library and the process that measures it."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Program:
    """A training program, compiled and ready to run.

    Attributes:
      parameters: number of trained parameters of one model.
      steps: training steps of one model in one dispatch: fused steps times members of a population.
      draw: number of dispatches -> their inputs, fresh random images, on the device.
      run: inputs -> nothing; returns when the device has finished, and keeps the state for the next call.
      peak_bytes: the most memory that the device held so far; None where the process's own memory is the device's.
      device: name of the device.
      versions: of the libraries that it runs with.
    """

    parameters: int
    steps: int
    draw: Callable[[int], list[Any]]
    run: Callable[[list[Any]], None]
    peak_bytes: Callable[[], int | None]
    device: str
    versions: dict[str, str]
