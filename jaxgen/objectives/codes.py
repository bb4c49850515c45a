"""What a person wants to know of a code: how much of it is used, and what lies between and along its numbers."""

import jax.numpy as jnp
from jax import Array

from jaxgen.step.state import Alarm

ACTIVE_DIVERGENCE = 0.01
"""Nats of a latent's divergence from the prior above which it counts as used by an image."""
ACTIVE_VARIANCE = 0.01
ROWS, STEPS, COLUMNS = 8, 9, 8
REACH = 3.0  # standard deviations of the prior, to either side

COLLAPSE = Alarm(
    "model/used_latents",
    low=1,
    advice="the code tells nothing of the image (posterior collapse): lower hyper.kl-weight, set hyper.free-bits to "
    "0.1 or more, or take a weaker decoder",
)


def active_units(means: Array) -> Array:
    """Returns how many latents have a posterior mean whose variance over images exceeds 0.01, float[].

    Args:
      means: float[images, latent].
    Reference: Burda, Grosse, Salakhutdinov 2016, section 5.2.
    """
    return (means.var(0) > ACTIVE_VARIANCE).sum().astype(means.dtype)


def rows_of_pairs(images: Array, others: Array) -> Array:
    """Returns rows of images, each above the row of its counterparts, float[rows, columns, h, w, c]."""
    columns = min(COLUMNS, len(images))
    whole = len(images) // columns * columns
    rows = jnp.stack([x[:whole].reshape(-1, columns, *x.shape[1:]) for x in (images, others)], 1)
    return rows.reshape(-1, *rows.shape[2:])


def interpolations(codes: Array) -> Array:
    """Returns straight walks from each code of the first half to one of the second, float[rows, steps, latent]."""
    half = min(ROWS, len(codes) // 2)
    share = jnp.linspace(0, 1, STEPS)[:, None]
    return (1 - share) * codes[:half, None] + share * codes[half : 2 * half, None]


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
