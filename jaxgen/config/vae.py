"""What the variational experiments share: the options of a bound and of a likelihood."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from jaxgen.config.base import (
    Condition,
    Config,
    Hyper,
    compute_dtype,
    hyper_classes,
    hyper_condition,
    objective_options,
    square_side,
)
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.fields import PositiveInt, Widths
from jaxgen.objectives.likelihoods import LIKELIHOODS

if TYPE_CHECKING:
    LikelihoodName = str
else:
    LikelihoodName = Literal[tuple(LIKELIHOODS)]
GREY = "the score of gray pixels under a Bernoulli likelihood is no probability of images; train with --binarise"


@dataclass(frozen=True)
class VariationalHyper(*hyper_classes(likelihood.hyper for likelihood in LIKELIHOODS.values()), Hyper):
    """Hyperparameters of a variational autoencoder."""

    kl_weight: float = 1.0
    """Weight β of the divergence; 1 is the bound itself."""
    free_bits: float = 0.0
    """Divergence of each latent, in nats, that is not penalized, so that the latent is not pushed to the prior."""


@dataclass(frozen=True)
class VariationalConfig(Config):
    """Options of variational experiments."""

    latent: PositiveInt = 20
    """Size of the code."""
    likelihood: LikelihoodName = "bernoulli"
    """Distribution of a pixel given the code: bernoulli (black or white), gaussian, or a logistic distribution over
    the 256 levels."""
    samples: PositiveInt = 1
    """Codes drawn for each image; with more than one the bound is importance-weighted."""
    binarise: bool = False
    """Draw every pixel black or white anew in each step, white with its intensity as probability."""
    batch_size: int = 128
    """Images that one gradient sees, over all devices."""
    hyper: VariationalHyper = VariationalHyper(learning_rate=1e-3)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *Config.conditions,
        *(
            hyper_condition(
                likelihood.hyper, f"set likelihood to {name}", lambda config, name=name: config.likelihood == name
            )
            for name, likelihood in LIKELIHOODS.items()
            if likelihood.hyper
        ),
        Condition(("hyper.free_bits",), "set samples to 1", lambda config: config.samples == 1),
    )


@dataclass(frozen=True)
class ConvVaeConfig(VariationalConfig):
    """Options of the variational experiments with convolutions."""

    features: Widths = (32, 64)
    """Channels of the encoder's convolutions, each of which halves the sides; the decoder's are these backwards."""
    hidden: PositiveInt = 256
    """Width of the dense layer on either side of the code."""
    data: DataConfig = DataConfig(name="digits", size=28, channels=1)


def takes_grey_for_binary(config: Config) -> bool:
    """Returns whether an experiment's likelihood is of black and white and its images come as they are."""
    if not isinstance(config, VariationalConfig):
        return False
    return LIKELIHOODS[config.likelihood].levels == 2 and not config.binarise


def variational_options(config: VariationalConfig, axis_name: str | None) -> dict[str, Any]:
    """Returns what `make_vae` takes from a configuration.

    Raises:
      UsageError: if the likelihood is of levels that the data do not have.
    """
    if config.data.dequantize and LIKELIHOODS[config.likelihood].levels > 2:
        raise UsageError(
            f"likelihood {config.likelihood} is of {LIKELIHOODS[config.likelihood].levels} levels, and data.dequantize "
            "makes intensities continuous: leave it out, or set likelihood to gaussian"
        )
    return objective_options(config, axis_name) | {
        "latent": config.latent,
        "likelihood": config.likelihood,
        "samples": config.samples,
        "binarise": config.binarise,
    }


def network_options(config: VariationalConfig) -> dict[str, Any]:
    """Returns what every network of `models.vae` takes from a configuration."""
    return {
        "size": square_side(config),
        "channels": config.data.channels,
        "latent": config.latent,
        "numbers": LIKELIHOODS[config.likelihood].numbers,
        "dtype": compute_dtype(config),
    }
