"""Options that several commands share."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from jaxgen.errors import UsageError
from jaxgen.evaluation import MAX_SEED

if TYPE_CHECKING:
    from jaxgen.runs.reopen import OpenOptions

latent_source = tyro.conf.create_mutex_group(required=False, title="distribution of latents")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run folder is opened."""

    checkpoint: Literal["last", "best"] = "last"
    """The last checkpoint, or the best one by the experiment's metric."""
    trust: bool = False
    """Execute RUN/experiment.py although it is none of the installed experiments."""
    data_dir: Annotated[str, tyro.conf.arg(name="data.dir")] = ""
    """Folder of the run's data, if it has moved."""

    def open_options(self) -> "OpenOptions":
        """Returns the options as `jaxgen.runs.reopen` takes them."""
        from jaxgen.runs.reopen import OpenOptions

        names = [field.name for field in fields(OpenOptions) if hasattr(self, field.name)]
        return OpenOptions(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions(RunOptions):
    """How a run folder is opened, and which parameters of its checkpoint are used."""

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
