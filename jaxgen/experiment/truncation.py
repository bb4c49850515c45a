"""Latents drawn near the middle of the prior: fewer kinds of pictures, and better ones."""

import jax
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.experiment.adversarial import classes
from jaxgen.experiment.reopen import NOTHING_GENERATED, Opened
from jaxgen.step.state import PyTree


def with_truncation(opened: Opened, limit: float) -> Opened:
    """Returns a run whose `sample` draws each number of a latent from the normal distribution cut at a limit.

    Args:
      opened: the run.
      limit: of a number's size, above 0, in standard deviations of the prior.
    Raises:
      UsageError: if the run generates nothing.
    Reference: Brock, Donahue, Simonyan 2019, section 3.1.
    """
    objective, known = opened.objective, classes(opened.config)
    if objective.generate is None:
        raise UsageError(f"truncation {limit:g}: {NOTHING_GENERATED}")

    def sample(variables: PyTree, key: Array, count: int, labels: Array | None = None) -> Array:
        latents = jax.random.truncated_normal(key, -limit, limit, (count, objective.latent))
        if known and labels is None:
            labels = jax.numpy.arange(count) % known
        return objective.generate(variables, latents, labels)

    return opened._replace(objective=objective._replace(sample=sample))


def describe(limit: float) -> str:
    """Returns in words, for a protocol, how `with_truncation` draws latents."""
    return f"the prior, cut at ±{limit:g}"
