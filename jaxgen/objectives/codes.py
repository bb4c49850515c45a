"""What a person wants to know of a code: how much of it is used, and what lies between and along its numbers."""

import jax.numpy as jnp
from jax import Array

from jaxgen.training.gradients import mean_over_devices
from jaxgen.training.state import Alarm

ACTIVE_VARIANCE = 0.01
"""Of a latent's posterior mean over images, above which it is used; the divergence is no substitute: where free bits
cost nothing, a posterior that is the same for all images has it too."""
ROWS, STEPS, COLUMNS = 8, 9, 8
REACH = 3.0  # standard deviations of the prior, to either side

COLLAPSE = Alarm(
    "model/active_units",
    low=1,
    advice="the code does not depend on the image (posterior collapse): lower hyper.kl_weight, set hyper.free_bits to "
    "0.1 or more, or take a weaker decoder",
)


def active_units(means: Array, axis_name: str | None = None) -> Array:
    """Returns how many latents have a posterior mean whose variance over images exceeds 0.01, float[].

    Args:
      means: float[images, latent].
      axis_name: the mapped axis over which the images are spread, or None.
    Reference: Burda, Grosse, Salakhutdinov 2016, section 5.2.
    """
    first, second = mean_over_devices((means.mean(0), (means**2).mean(0)), axis_name)
    return (second - first**2 > ACTIVE_VARIANCE).sum().astype(means.dtype)


def rows_of_pairs(images: Array, others: Array) -> Array:
    """Returns rows of images, each above the row of its counterparts, float[rows, columns, h, w, c].

    A last row that is not full ends in black.
    """
    columns = min(COLUMNS, len(images))
    missing = -len(images) % columns
    padded = (jnp.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1)) for x in (images, others))
    rows = jnp.stack([x.reshape(-1, columns, *x.shape[1:]) for x in padded], 1)
    return rows.reshape(-1, *rows.shape[2:])


def interpolations(codes: Array) -> Array:
    """Returns straight walks from each code of the first half to one of the second, float[rows, steps, latent]."""
    half = min(ROWS, len(codes) // 2)
    weight = jnp.linspace(0, 1, STEPS)[:, None]
    return (1 - weight) * codes[:half, None] + weight * codes[half : 2 * half, None]


def traversals(codes: Array) -> Array:
    """Returns the first code with one latent after the other from −3 to 3, the most used first.

    Args:
      codes: float[images, latent], posterior means.
    Returns:
      float[rows, steps, latent].
    """
    most = jnp.argsort(-codes.var(0))[:ROWS]
    chosen = jnp.eye(codes.shape[1], dtype=bool)[most][:, None]
    return jnp.where(chosen, jnp.linspace(-REACH, REACH, STEPS, dtype=codes.dtype)[:, None], codes[0])
