"""Latents drawn near the middle of the prior: fewer kinds of pictures."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.runs.reopen import NOTHING_GENERATED, Opened
from jaxgen.training.state import Generative, PyTree

BATCHES, BATCH = 60, 256
"""Latents by which batch statistics settle: what they were before has a share of 0.9⁶⁰ left."""


def with_truncation(opened: Opened, limit: float) -> Opened:
    """Returns a run whose `sample` draws each number of a latent from the normal distribution cut at a limit.

    Batch statistics of the whole prior would make pictures of such latents faint; they settle on these first.

    Args:
      opened: the run.
      limit: of a number's size, above 0, in standard deviations of the prior.
    Raises:
      UsageError: if the run generates nothing.
    Reference: Brock, Donahue, Simonyan 2019, section 3.1, and for the statistics appendix C ("standing statistics").
    """
    objective, known = opened.objective, classes(opened.config)
    generative = objective.generative
    if generative is None:
        raise UsageError(f"truncation {limit:g}: {NOTHING_GENERATED}")

    def draw(key: Array, count: int) -> tuple[Array, Array | None]:
        labels = jnp.arange(count) % known if known else None
        return jax.random.truncated_normal(key, -limit, limit, (count, generative.latent_size)), labels

    def sample(variables: PyTree, key: Array, count: int, labels: Array | None = None) -> Array:
        latents, spread = draw(key, count)
        return generative.generate(variables, latents, spread if labels is None else labels)

    has_statistics = generative.update_statistics is not None and jax.tree.leaves(opened.variables["stats"])
    variables = settled(generative, opened.variables, draw) if has_statistics else opened.variables
    return opened._replace(
        objective=replace(objective, generative=replace(generative, sample=sample)), variables=variables
    )


def settled(generative: Generative, variables: PyTree, draw) -> PyTree:
    """Returns variables whose batch statistics are those of latents as `draw` (key, count) gives them, with labels."""

    def move(variables: PyTree, key: Array) -> tuple[PyTree, None]:
        return generative.update_statistics(variables, *draw(key, BATCH)), None

    keys = jax.random.split(jax.random.key(0), BATCHES)
    return jax.jit(lambda variables: lax.scan(move, variables, keys)[0])(variables)


def describe(limit: float) -> str:
    """Returns in words, for a protocol, how `with_truncation` draws latents."""
    return f"the prior, cut at ±{limit:g}"
