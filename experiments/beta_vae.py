"""Encodes images by β-VAE, with one meaning per latent.

    python experiments/beta_vae.py                                  # digits, 28×28, β = 4
    python experiments/beta_vae.py --data.name folder --data.dir DIR --data.size 64 --data.channels 3 \\
        --likelihood logistic --features 32 32 64 64 --hyper.kl-weight 10

The code is held closer to the prior, and so to one meaning for each latent. The loss is −log p(x|z) + β · KL(q(z|x) ‖
p(z)), in nats, summed over pixels and latents (equation 4). The images of traversals show what each latent does. The
convolutions are those of conv_vae.

Family: Variational autoencoders
Source: Higgins et al. 2017
"""

from dataclasses import dataclass

from jaxgen.config import ConvVaeConfig, VariationalHyper, network_options, variational_options
from jaxgen.models.vae.vae import ConvVAE
from jaxgen.objectives.vae import make_vae
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(ConvVaeConfig):
    """Options of this experiment."""

    latent: int = 10
    hyper: VariationalHyper = VariationalHyper(learning_rate=1e-3, kl_weight=4.0)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = ConvVAE(features=config.features, hidden=config.hidden, **network_options(config))
    return make_vae(module, **variational_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
