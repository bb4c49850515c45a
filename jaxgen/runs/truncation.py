"""Samples latents from the truncated prior: less diverse images, of higher fidelity."""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.config.gan import classes
from jaxgen.runs.reopen import Opened, require_generative
from jaxgen.training.state import PyTree

BATCHES, BATCH = 60, 256
"""Batches of latents by which batch statistics are updated: their former values keep a weight of 0.9⁶⁰."""
Draw = Callable[[Array, int], tuple[Array, Array | None]]
"""(key, count) -> (latents, labels or None)."""


def with_truncation(opened: Opened, limit: float) -> Opened:
    """Returns a run that samples latents from the normal distribution truncated to ±limit.

    The generator's batch statistics are first estimated again on such latents: those of the full prior would give
    images of low contrast.

    Args:
      opened: the run.
      limit: in standard deviations of the prior, above 0.
    Raises:
      UsageError: if the run generates no images.
    Reference: Brock, Donahue, Simonyan 2019, section 3.1, and for the statistics appendix C ("standing statistics").
    """
    objective, num_classes = opened.objective, classes(opened.config)
    generative = require_generative(objective, f"leave truncation {limit:g} out")

    def draw(key: Array, count: int) -> tuple[Array, Array | None]:
        labels = jnp.arange(count) % num_classes if num_classes else None
        return jax.random.truncated_normal(key, -limit, limit, (count, generative.latent_size)), labels

    def sample(variables: PyTree, key: Array, count: int, labels: Array | None = None) -> Array:
        latents, all_labels = draw(key, count)
        return generative.generate(variables, latents, all_labels if labels is None else labels)

    variables = opened.variables
    if generative.update_statistics is not None and jax.tree.leaves(variables["stats"]):
        variables = estimate_statistics(generative.update_statistics, variables, draw)
    return opened._replace(
        objective=replace(objective, generative=replace(generative, sample=sample)), variables=variables
    )


def estimate_statistics(update: Callable[..., PyTree], variables: PyTree, draw: Draw) -> PyTree:
    """Returns variables with batch statistics estimated on latents.

    Args:
      update: see `Generative.update_statistics`.
      variables: of the generator.
      draw: samples the latents and labels.
    """

    def body(variables: PyTree, key: Array) -> tuple[PyTree, None]:
        return update(variables, *draw(key, BATCH)), None

    keys = jax.random.split(jax.random.key(0), BATCHES)
    return jax.jit(lambda variables: lax.scan(body, variables, keys)[0])(variables)


def describe(limit: float) -> str:
    """Returns how `with_truncation` samples latents, for a protocol."""
    return f"the prior, truncated to ±{limit:g}"
