"""What the registries of metrics have in common."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

Direction = Literal["minimize", "maximize"]
"""Whether a small or a large value is better, in Optuna's words."""
Colors = Literal["protocol", "rgb"]
"""What a metric compares; see `Metric`."""


class Metric(NamedTuple):
    """A metric of images.

    Attributes:
      function: (reference, image), both float[batch, height, width, channel] in [0, 1] -> float[batch]; without a
        reference (image). A masked metric also takes the mask, [batch, height, width, 1]; one with a network takes the
        activations of both images by it, and its further weights.
      direction: whether a small or a large value is better.
      decimals: digits after the decimal point in tables of restored images.
      is_default: whether it is in these tables where no metrics are chosen.
      about: what it measures, for help and README.
      network: what computes the activations, or has fitted parameters: "" (none), "shipped" (a network of the package),
        "file" (a file that `jaxgen convert` writes), or "shipped or file" (a file's instead of the package's).
      colors: "protocol" (the values that the protocol compares), or "rgb" (all of the image in RGB, a gray one repeated
        to three channels, whatever the protocol; rounded to 8 bits).
      min_side: smallest height and width in pixels of the values that it compares.
      needs_reference: whether it compares an image with its reference.
    """

    function: Callable[..., Any]
    direction: Direction
    decimals: int = 4
    is_default: bool = True
    about: str = ""
    network: Literal["", "shipped", "file", "shipped or file"] = ""
    colors: Colors = "protocol"
    min_side: int = 1
    needs_reference: bool = True
