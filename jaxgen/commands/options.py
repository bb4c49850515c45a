"""Options that several commands share."""

from dataclasses import dataclass, fields
from importlib import import_module
from typing import Annotated, ClassVar

import tyro

from jaxgen.evaluation import MAX_SEED
from jaxgen.fields import Positive, PositiveInt, Range, require_in_range
from jaxgen.runs.open_options import DEFAULTS, OpenOptions

EvaluationSeed = Annotated[int, Range(minimum=0, maximum=MAX_SEED)]
latent_source = tyro.conf.create_mutex_group(required=False, title="distribution of latents")
flat = tyro.conf.arg(name="")
"""Marks a group of options that stand among the command's own, without a prefix."""


@dataclass(frozen=True, kw_only=True)
class RangedOptions:
    """Options whose ranges are checked."""

    def __post_init__(self) -> None:
        """Raises UsageError for a value outside of the range of its option."""
        require_in_range(self)


@dataclass(frozen=True, kw_only=True)
class OpeningCommand(RangedOptions):
    """A command that opens a run and calls a function of the package with its options, one argument each."""

    function: ClassVar[str]
    """The function as "module:name". The module is imported when the command runs; what it returns is printed."""
    options: Annotated[OpenOptions, flat] = DEFAULTS

    def __call__(self) -> None:
        """Calls the function and prints what it returns."""
        module, name = self.function.split(":")
        print(getattr(import_module(module), name)(**{field.name: getattr(self, field.name) for field in fields(self)}))


@dataclass(frozen=True, kw_only=True)
class LatentOptions(RangedOptions):
    """The distribution that latents are drawn from, unless it is the prior."""

    mixture: Annotated[PositiveInt | None, latent_source] = None
    """Draw latents from a mixture of so many Gaussians, fitted to a VAE's codes of its training images."""
    truncation: Annotated[Positive | None, latent_source] = None
    """Draw latents from the prior truncated to [-T, T], for example 0.5."""
