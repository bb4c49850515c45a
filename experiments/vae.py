"""Variational autoencoder, dense or convolutional.

    python experiments/vae.py                                       # digits, 28×28
    python experiments/vae.py --variant conv --data.name mnist --data.dir DIR --batch-size 128
    python experiments/vae.py --hyper.kl-weight 4                   # a β-VAE

The loss is the negative bound in nats, summed over pixels and latents: −log p(x|z) + KL(q(z|x) ‖ p(z)).
Source: Kingma and Welling 2014; sizes of Flax's example (hidden 500, latent 20, Adam 1e-3, batch 128).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxgen.command import run_script
from jaxgen.data import Config as DataConfig
from jaxgen.experiment import Config as BaseConfig
from jaxgen.experiment import Effect, compute_dtype, objective_options
from jaxgen.experiment import Hyper as BaseHyper
from jaxgen.models.vae import ConvVAE, DenseVAE
from jaxgen.objectives.vae import make_vae
from jaxgen.step.state import Objective


@dataclass(frozen=True)
class Hyper(BaseHyper):
    """Numbers of a variational recipe."""

    kl_weight: float = 1.0
    """Weight β of the divergence; 1 is the bound itself."""
    likelihood_scale: float = 0.1
    """Standard deviation of the Gaussian likelihood, as a part of the range from black to white."""


@dataclass(frozen=True)
class Config(BaseConfig):
    """Options of this experiment."""

    variant: Literal["dense", "conv"] = "dense"
    """Networks of dense layers, or of convolutions."""
    latent: int = 20
    """Size of the code."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """What the decoder gives of a pixel: the logit of white, or the mean of a Gaussian."""
    batch_size: int = 128
    """Images that one gradient sees, over all devices."""
    data: DataConfig = DataConfig(name="digits", size=28, channels=1)
    hyper: Hyper = Hyper(learning_rate=1e-3)

    effects: ClassVar[tuple[Effect, ...]] = (
        *BaseConfig.effects,
        Effect(
            ("hyper.likelihood_scale",),
            "set likelihood to gaussian",
            lambda config: config.likelihood == "gaussian",
        ),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    network = {"dense": DenseVAE, "conv": ConvVAE}[config.variant]
    module = network(
        size=config.data.size, channels=config.data.channels, latent=config.latent, dtype=compute_dtype(config)
    )
    return make_vae(module, latent=config.latent, likelihood=config.likelihood, **objective_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
