"""Pull-push inpainting smoothed by a fixed number of Chebyshev iterations."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.filters.biharmonic import laplacian
from jaxgen.filters.checks import checked, checked_mask
from jaxgen.filters.pull_push import inpaint_pull_push

MEMBRANE = (16, 0.2, 8.0)
"""Iterations for the membrane equation −Δu = 0, and the range of eigenvalues of −Δ whose errors they reduce."""
PLATE = (6, 8.0, 64.0)
"""The same for the thin plate equation ΔΔu = 0; the slow modes of wide holes remain unchanged."""


@partial(jax.jit, static_argnames="levels")
def inpaint_relaxed(images: Array, mask: Array, levels: int = 5) -> Array:
    """Inpaints missing pixels: like a thin plate in narrow holes, like pull-push in wide ones.

    Pull-push gives the coarse shape; iterations towards a membrane remove its block artifacts, and iterations towards a
    thin plate continue gradients across narrow holes. The cost and the receptive field are fixed.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
      levels: see `inpaint_pull_push`. Static.
    Returns:
      float[batch, height, width, channel] in [0, 1]; known pixels are unchanged.
    Raises:
      ValueError: if the mask has another shape, or levels is below 1.
    Reference: Gortler et al. 1996 (pull-push); Saad 2003, algorithm 12.1 (Chebyshev iteration); Damelin and
      Hoang 2018 (the thin plate).
    """
    images = checked(images)
    missing = checked_mask(mask, images)
    filled = inpaint_pull_push(images, mask, levels)
    filled = chebyshev(lambda x: jnp.where(missing, -laplacian(x), 0), filled, *MEMBRANE)
    filled = chebyshev(lambda x: jnp.where(missing, laplacian(laplacian(x)), 0), filled, *PLATE)
    return jnp.where(missing, jnp.clip(filled, 0, 1), images)


def chebyshev(operator: Callable[[Array], Array], x: Array, steps: int, low: float, high: float) -> Array:
    """Applies Chebyshev iterations for operator(x) = 0.

    Args:
      operator: linear, symmetric and positive definite in the unknown pixels, 0 in the others.
      x: initial value; known pixels do not change.
      steps: number of iterations.
      low: lower end of the eigenvalues whose error components are reduced uniformly; smaller ones converge slowly.
      high: an upper bound of the operator's eigenvalues.
    """
    center, half = (high + low) / 2, (high - low) / 2
    residual = -operator(x)

    # A loop: unrolled, the compiler would recompute each step in every later one.
    def advance(state: tuple[Array, Array, Array, Array], _) -> tuple[tuple[Array, Array, Array, Array], None]:
        x, residual, step, ratio = state
        x, residual = x + step, residual - operator(step)
        following = 1 / (2 * center / half - ratio)
        return (x, residual, following * (ratio * step + 2 / half * residual), following), None

    start = x, residual, residual / center, jnp.asarray(half / center, x.dtype)
    return lax.scan(advance, start, None, length=steps)[0][0]
