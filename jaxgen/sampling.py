"""Interpolation kernels and mirrored borders, for NumPy and JAX arrays."""

from typing import Any


def cubic(distance: Any, a: float = -0.5) -> Any:
    """Returns the cubic convolution kernel at distances in samples.

    Reference: Keys 1981, equation 4; he shows that a = −1/2 is the best.
    """
    x = abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return near * (x <= 1) + far * ((x > 1) & (x < 2))


def linear(distance: Any) -> Any:
    """Returns the triangle that interpolates linearly, at distances in samples."""
    x = abs(distance)
    return (1 - x) * (x < 1)


def mirrored(positions: Any, length: Any) -> Any:
    """Returns the index of the sample at each position of a line mirrored at its ends, however far beyond them.

    The outermost sample is not repeated (OpenCV's reflect-101, NumPy's "reflect").

    Args:
      positions: integers.
      length: samples of the line, at least 1.
    Returns:
      integers in [0, length).
    """
    last = length - 1
    return last - abs(positions % (2 * last + (length == 1)) - last)
