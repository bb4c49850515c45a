"""Options that several commands share."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from jaxgen.evaluation import MAX_SEED
from jaxgen.fields import Positive, PositiveInt, Range, require_in_range

if TYPE_CHECKING:
    from jaxgen.runs.reopen import OpenOptions

EvaluationSeed = Annotated[int, Range(minimum=0, maximum=MAX_SEED)]
latent_source = tyro.conf.create_mutex_group(required=False, title="distribution of latents")


@dataclass(frozen=True, kw_only=True)
class RangedOptions:
    """Options whose ranges are checked."""

    def __post_init__(self) -> None:
        """Raises UsageError for a value outside of the range of its option."""
        require_in_range(self)


@dataclass(frozen=True, kw_only=True)
class RunOptions(RangedOptions):
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
class LatentOptions(RangedOptions):
    """The distribution that latents are drawn from, unless it is the prior."""

    mixture: Annotated[PositiveInt | None, latent_source] = None
    """Draw latents from a mixture of so many Gaussians, fitted to a VAE's codes of its training images."""
    truncation: Annotated[Positive | None, latent_source] = None
    """Draw latents from the prior truncated to [-T, T], for example 0.5."""
