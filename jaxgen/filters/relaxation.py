"""Holes filled from coarse to fine, and then smoothed by a fixed, small number of steps towards two surfaces."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.filters.biharmonic import laplacian
from jaxgen.filters.checks import checked, checked_mask
from jaxgen.filters.pull_push import inpaint_pull_push

MEMBRANE = (16, 0.2, 8.0)
"""Steps towards the membrane, −Δu = 0, and between which eigenvalues of −Δ its errors are made small."""
PLATE = (6, 8.0, 64.0)
"""The same of the thin plate, ΔΔu = 0; its slow modes, those of wide holes, stay as they were."""


@partial(jax.jit, static_argnames="levels")
def inpaint_relaxed(images: Array, mask: Array, levels: int = 5) -> Array:
    """Returns the images with what is missing filled: as a thin plate in scratches, as by pull and push in wide holes.

    Pull and push finds the coarse shape; steps towards a membrane take its blocks away, and steps towards a thin plate
    carry slopes on across what is narrow. Unlike a solution, a fixed number of steps has a fixed cost and sees a
    fixed distance.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
      levels: of pull and push; see `inpaint_pull_push`. Static.
    Returns:
      float[batch, height, width, channel] in [0, 1]; the known pixels are as they were.
    Raises:
      ValueError: if the mask is not of the images' shape, or there is no level.
    Reference: Gortler et al. 1996 (pull and push); Saad 2003, algorithm 12.1 (Chebyshev's iteration); Damelin and
      Hoang 2018 (the thin plate).
    """
    images = checked(images)
    missing = checked_mask(mask, images)
    filled = inpaint_pull_push(images, mask, levels)
    filled = towards(lambda x: jnp.where(missing, -laplacian(x), 0), filled, *MEMBRANE)
    filled = towards(lambda x: jnp.where(missing, laplacian(laplacian(x)), 0), filled, *PLATE)
    return jnp.where(missing, jnp.clip(filled, 0, 1), images)


def towards(operator: Callable[[Array], Array], x: Array, steps: int, low: float, high: float) -> Array:
    """Returns x after Chebyshev steps towards the solution of operator(x) = 0.

    Args:
      operator: linear, symmetric and positive definite in the unknown pixels, 0 in the others.
      x: where to begin; its known pixels stay.
      steps: how many.
      low: least eigenvalue whose part of the error is made small evenly; smaller ones' parts fall more slowly.
      high: the operator's largest eigenvalue, or more.
    """
    middle, half = (high + low) / 2, (high - low) / 2
    residual = -operator(x)

    # A loop, for written out the compiler computes each step anew wherever the next ones look at it.
    def advance(state: tuple[Array, Array, Array, Array], _) -> tuple[tuple[Array, Array, Array, Array], None]:
        x, residual, step, ratio = state
        x, residual = x + step, residual - operator(step)
        following = 1 / (2 * middle / half - ratio)
        return (x, residual, following * (ratio * step + 2 / half * residual), following), None

    start = x, residual, residual / middle, jnp.asarray(half / middle, x.dtype)
    return lax.scan(advance, start, None, length=steps)[0][0]
