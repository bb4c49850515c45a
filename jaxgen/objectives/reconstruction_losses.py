"""Weighted sums of reconstruction losses."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError, unknown
from jaxgen.losses.reconstruction import LOSSES
from jaxgen.training.schedules import Hyper


def needs_features(names: Sequence[str]) -> bool:
    """Returns whether one of these losses compares features of a network."""
    return any(name in LOSSES and LOSSES[name].needs_features for name in names)


def weighted_sum(
    names: Sequence[str], features: Callable[[Array], Any] | None = None
) -> Callable[[Array, Array, Hyper], Array]:
    """Returns the sum of losses, each times `hyper["NAME_weight"]`.

    Args:
      names: of `losses.reconstruction.LOSSES`.
      features: images[b, h, w, c] -> features, for losses that compare them.
    Returns:
      (clean, restored, hyper) -> float[b].
    Raises:
      UsageError: if there is no loss, one of that name does not exist, or features are missing or without effect.
    """
    if not names:
        raise UsageError("no loss: give at least one of " + ", ".join(LOSSES))
    for name in names:
        if name not in LOSSES:
            raise unknown("loss", name, LOSSES)
    if needs_features(names) != (features is not None):
        able = " or ".join(name for name, entry in LOSSES.items() if entry.needs_features)
        wanted = "name a feature network for it" if features is None else "add it to the losses, or name no network"
        raise UsageError(f"the loss {able} and its network belong together: {wanted}")
    losses = {
        name: partial(LOSSES[name].value, features) if LOSSES[name].needs_features else LOSSES[name].value
        for name in names
    }

    def total(clean: Array, restored: Array, hyper: Hyper) -> Array:
        terms = [hyper[f"{name}_weight"] * loss(clean, restored, hyper) for name, loss in losses.items()]
        return sum(terms[1:], jnp.asarray(terms[0]))

    return total
