"""What the registries of metrics have in common."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

Direction = Literal["minimize", "maximize"]
"""Whether a small or a large value is better, in Optuna's words."""


class Metric(NamedTuple):
    """A metric of images.

    Attributes:
      function: (reference, image), both float[batch, height, width, channel] in [0, 1] -> float[batch].
      direction: whether a small or a large value is better.
      decimals: digits after the decimal point in tables of restored images; None: not in these tables.
    """

    function: Callable[[Any, Any], Any]
    direction: Direction
    decimals: int | None = None
