"""The networks of adversarial experiments by name, built from a configuration."""

from dataclasses import dataclass
from typing import Any, Literal

from jaxgen.config.base import compute_dtype, square_side
from jaxgen.config.gan import GanConfig, discriminator_options
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError, unknown
from jaxgen.fields import PositiveInt
from jaxgen.models.gan import dcgan, dcgan_deep_stem, growing, mlp, r3gan, resnet

Norm = Literal["batch", "spectral", "none"]

NETWORKS = {
    "mlp": (mlp.Generator, mlp.Discriminator),
    "dcgan": (dcgan.Generator, dcgan.Discriminator),
    "dcgan_deep_stem": (dcgan_deep_stem.Generator, dcgan_deep_stem.Discriminator),
    "resnet": (resnet.Generator, resnet.Critic),
    "growing": (growing.Generator, growing.Critic),
    "r3gan": (r3gan.Generator, r3gan.Discriminator),
}
"""Generator and discriminator by name."""


@dataclass(frozen=True)
class DcganConfig(GanConfig):
    """Options of the experiments with the networks and the recipe of Radford et al. 2016."""

    norm: Norm = "batch"
    """Normalisation in the discriminator."""
    width: PositiveInt = 64
    """Filters next to the image; they double with every halving of the size."""
    data: DataConfig = DataConfig(name="digits", size=32, channels=1)


def players(network: str, norm: str, config: GanConfig, axis_name: str | None, **shared: Any) -> dict[str, Any]:
    """Returns the arguments of `make_gan` that depend on the network: both players, and `separate_batches`.

    Args:
      network: a name in `NETWORKS`.
      norm: of the discriminator; "none" for r3gan, which has no other.
      config: the configuration.
      axis_name: the mapped axis over which a batch is spread, or None.
      **shared: other fields of both networks, as in width.
    Raises:
      UsageError: if the network is unknown or has not this norm.
    """
    if network not in NETWORKS:
        raise unknown("network", network, NETWORKS)
    make_generator, make_discriminator = NETWORKS[network]
    image = {"size": square_side(config), "channels": config.data.channels}
    shared = {"dtype": compute_dtype(config)} | shared
    options = discriminator_options(config, axis_name) | shared
    if network == "r3gan":
        if norm != "none":
            raise UsageError(f"norm {norm}: network r3gan has no normalisation; set norm to none, or change network")
        return {"generator": make_generator(**image, **shared), "discriminator": make_discriminator(**options)}
    return {
        "generator": make_generator(axis_name=axis_name, **image, **shared),
        "discriminator": make_discriminator(norm=norm, **options),
        # In dense layers batch norm stands right before the logit.
        "separate_batches": not (network == "mlp" and norm == "batch"),
    }
