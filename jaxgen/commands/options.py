"""Options that several commands share."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from jaxgen.errors import UsageError
from jaxgen.evaluation import MAX_SEED

Checkpoint = Literal["last", "best"]
latent_source = tyro.conf.create_mutex_group(required=False, title="distribution of latents")


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """Which parameters of a run are used."""

    checkpoint: Checkpoint = "last"
    """The last checkpoint, or the best one by the experiment's metric."""
    ema: bool = True
    """Use the moving average of the parameters instead of their last values."""


@dataclass(frozen=True, kw_only=True)
class LatentOptions:
    """The distribution that latents are drawn from, unless it is the prior."""

    mixture: Annotated[int | None, latent_source] = None
    """Draw latents from a mixture of so many Gaussians, fitted to a VAE's codes of its training images."""
    truncation: Annotated[float | None, latent_source] = None
    """Draw latents from the prior truncated to [-T, T], for example 0.5."""


def require_at_least_one(**values: int | None) -> None:
    """Raises UsageError for an option below 1. None stands for an option that was not given."""
    for name, value in values.items():
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} {value}: give at least 1")


def require_positive(**values: float | None) -> None:
    """Raises UsageError for an option that is not above 0. None stands for an option that was not given."""
    for name, value in values.items():
        if value is not None and not value > 0:
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: give a number above 0")


def require_seed(seed: int) -> None:
    """Raises UsageError for a seed that is not from 0 to `MAX_SEED`."""
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"--seed {seed}: give a number from 0 to 2**32 - 2")
