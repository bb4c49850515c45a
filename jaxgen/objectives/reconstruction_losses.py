"""Sums of reconstruction losses whose weights are numbers of the recipe."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from jax import Array

from jaxgen.errors import UsageError, unknown
from jaxgen.losses import reconstruction
from jaxgen.training.schedules import Hyper

Loss = Callable[[Array, Array], Array]


def roughness(clean: Array, restored: Array) -> Array:
    """Returns the total variation of the restored images for each value, so that its weight fits any size."""
    return reconstruction.total_variation(restored) / clean[0].size


LOSSES: dict[str, Loss] = {
    "mse": reconstruction.mse,
    "l1": reconstruction.l1,
    "charbonnier": reconstruction.charbonnier,
    "ssim": reconstruction.ssim,
    "total_variation": roughness,
}
FEATURE = "feature"


def weighted_sum(
    names: Sequence[str], features: Callable[[Array], Any] | None = None
) -> Callable[[Array, Array, Hyper], Array]:
    """Returns the sum of losses, each times `hyper["NAME_weight"]`.

    Args:
      names: of `LOSSES`, or "feature".
      features: images[b, h, w, c] -> features, for the feature loss.
    Returns:
      (clean, restored, hyper) -> float[b].
    Raises:
      UsageError: if there is no loss, one of that name does not exist, or features are missing or not looked at.
    """
    if not names:
        raise UsageError("no loss: give at least one of " + ", ".join((*LOSSES, FEATURE)))
    for name in names:
        if name not in LOSSES and name != FEATURE:
            raise unknown("loss", name, (*LOSSES, FEATURE))
    if (FEATURE in names) != (features is not None):
        wanted = "name a feature network for it" if features is None else "add it to the losses, or name no network"
        raise UsageError(f"the loss feature and its network belong together: {wanted}")
    losses = {name: partial(reconstruction.feature, features) if name == FEATURE else LOSSES[name] for name in names}

    def total(clean: Array, restored: Array, hyper: Hyper) -> Array:
        return sum(hyper[f"{name}_weight"] * loss(clean, restored) for name, loss in losses.items())

    return total
