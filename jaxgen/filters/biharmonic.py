"""Biharmonic inpainting."""

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.filters.checks import checked, checked_mask

TOLERANCE = 1e-6
"""Norm of the residual relative to the right-hand side at which the solver stops."""
# A hole 50 pixels wide takes 1500 steps, a scratch 50; the number grows with the square of the width.
MAX_STEPS = 10_000


def laplacian(x: Array) -> Array:
    """Computes the discrete Laplacian with zero flux across the image's border."""
    height, width = x.shape[1:3]
    around = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows, columns = around[:, :, 1 : width + 1], around[:, 1 : height + 1]
    return rows[:, :height] + rows[:, 2:] + columns[:, :, :width] + columns[:, :, 2:] - 4 * x


def inner(x: Array, y: Array) -> Array:
    """Computes the inner product of each channel of each image, float[batch, 1, 1, channel]."""
    return (x * y).sum((1, 2), keepdims=True)


def inpaint_biharmonic(images: Array, mask: Array) -> Array:
    """Inpaints missing pixels by the biharmonic equation: the Laplacian of the Laplacian is 0 there.

    The equations are those of scikit-image's inpaint_biharmonic, which solves them directly in double precision; here
    the method of conjugate gradients solves them for the whole batch. It suits scratches, text and dust: the number of
    steps, and with it the round-off, grows with the square of a hole's width. If 10 000 steps do not reach a relative
    residual of 1e-6, the last iterate is returned.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
    Returns:
      float[batch, height, width, channel]; known pixels are unchanged, the others are clipped to the range of the
      channel's known pixels. Under `jit`, NaN for an image without known pixels.
    Raises:
      ValueError: if the mask has another shape, or no pixel of an image is known.
    Reference: Damelin and Hoang 2018.
    """
    images = checked(images)
    return solve(images, checked_mask(mask, images))


@jax.jit
def solve(images: Array, missing: Array) -> Array:
    """Solves the biharmonic equation; see `inpaint_biharmonic`."""
    known = jnp.where(missing, 0, images)
    least = jnp.where(missing, jnp.inf, images).min((1, 2), keepdims=True)
    most = jnp.where(missing, -jnp.inf, images).max((1, 2), keepdims=True)
    equations = lambda x: jnp.where(missing, laplacian(laplacian(x)), 0)
    right_side = -equations(known)
    threshold = TOLERANCE**2 * inner(right_side, right_side)

    def unsolved(state):
        *_, size, step = state
        return (size > threshold).any() & (step < MAX_STEPS)

    def improve(state):
        x, residual, direction, size, step = state
        image = equations(direction)
        # A converged channel must not change while others iterate: its step is 0, not 0/0.
        active = size > threshold
        length = jnp.where(active, size / jnp.where(active, inner(direction, image), 1), 0)
        x, residual = x + length * direction, residual - length * image
        rest = inner(residual, residual)
        factor = jnp.where(active, rest / jnp.where(active, size, 1), 0)
        return x, residual, residual + factor * direction, jnp.where(active, rest, size), step + 1

    start = jnp.zeros_like(right_side), right_side, right_side, inner(right_side, right_side), 0
    filled, *_ = lax.while_loop(unsolved, improve, start)
    filled = jnp.where(missing, jnp.clip(filled, least, most), images)
    return jnp.where(missing & missing.all((1, 2), keepdims=True), jnp.nan, filled)
