"""Hu moments and shape matching."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import unknown
from jaxgen.filters.checks import checked

NEGLIGIBLE = 1e-5
"""Invariants below it are ignored in a distance, as in OpenCV."""
METHODS = ("I1", "I2", "I3")


def central_moments(images: Array) -> Array:
    """Computes the normalized central moments η[p, q] in x and y, for p and q up to 3.

    Args:
      images: float[batch, height, width, 1], the mass at each pixel.
    Returns:
      float[batch, 4, 4]; 0 for an empty image.
    """
    mass = images[..., 0]
    total = mass.sum((1, 2))
    total = jnp.where(total > 0, total, 1)[:, None]
    axes = []
    for axis, other in ((2, 1), (1, 2)):
        place = jnp.arange(mass.shape[axis], dtype=mass.dtype)
        centre = (mass.sum(other) * place).sum(1, keepdims=True) / total
        # In units of the shape's size, which keeps the powers small.
        axes.append(((place - centre) / jnp.sqrt(total))[:, None] ** jnp.arange(4)[:, None])
    moments = jnp.einsum("bhw,bpw,bqh->bpq", mass, *axes, precision=lax.Precision.HIGHEST)
    return moments / total[..., None]


@jax.jit
def hu_moments(images: Array) -> Array:
    """Computes the seven Hu invariants of each shape (OpenCV's HuMoments).

    They are invariant to translation, scale and rotation; the seventh changes its sign under reflection.

    Args:
      images: float[batch, height, width, 1], the mass at each pixel: a mask of 0 and 1, or grey values. The invariants
        depend on the brightness of grey values.
    Returns:
      float[batch, 7]; 0 for an empty image.
    Raises:
      ValueError: if there is more than one channel.
    Reference: Hu 1962.
    """
    images = checked(images)
    if images.shape[-1] != 1:
        raise ValueError(f"images of {images.shape[-1]} channels: give 1, a mask or grey values")
    eta = central_moments(images)
    difference, product = eta[:, 2, 0] - eta[:, 0, 2], eta[:, 1, 1]
    bend, rise = eta[:, 3, 0] - 3 * eta[:, 1, 2], 3 * eta[:, 2, 1] - eta[:, 0, 3]
    s, t = eta[:, 3, 0] + eta[:, 1, 2], eta[:, 2, 1] + eta[:, 0, 3]
    along, across = s * (s**2 - 3 * t**2), t * (3 * s**2 - t**2)
    return jnp.stack(
        [
            eta[:, 2, 0] + eta[:, 0, 2],
            difference**2 + 4 * product**2,
            bend**2 + rise**2,
            s**2 + t**2,
            bend * along + rise * across,
            difference * (s**2 - t**2) + 4 * product * s * t,
            rise * along - bend * across,
        ],
        axis=1,
    )


@partial(jax.jit, static_argnames="method")
def match_shapes(a: Array, b: Array, method: str = "I1") -> Array:
    """Computes the distance of two shapes by the logarithms of their Hu invariants (OpenCV's matchShapes).

    With m = sign(h)·log₁₀|h| of the invariants h, those below 1e-5 ignored: I1 is the sum of |1/m_a − 1/m_b|, I2 of
    |m_a − m_b|, I3 the maximum of |m_a − m_b| / |m_a|.

    Args:
      a: float[batch, height, width, 1], a mask of 0 and 1 or grey values.
      b: the same, of any height and width.
      method: "I1", "I2" or "I3".
    Returns:
      float[batch], 0 for equal shapes; infinite if exactly one of the two is empty.
    Raises:
      UsageError: if there is no such method.
      ValueError: if there is more than one channel, or the batches differ.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} shapes and {len(b)}: give the same number")
    first, second = hu_moments(a), hu_moments(b)
    counts = (abs(first) > NEGLIGIBLE) & (abs(second) > NEGLIGIBLE)
    # The logarithm of 0.1 is neither 0 nor infinite.
    m_a, m_b = (jnp.sign(h) * jnp.log10(jnp.where(counts, abs(h), 0.1)) for h in (first, second))
    if method == "I1":
        distance = jnp.where(counts, abs(1 / m_a - 1 / m_b), 0).sum(1)
    elif method == "I2":
        distance = jnp.where(counts, abs(m_a - m_b), 0).sum(1)
    else:
        distance = jnp.where(counts, abs((m_a - m_b) / m_a), 0).max(1)
    return jnp.where((first != 0).any(1) == (second != 0).any(1), distance, jnp.inf)
