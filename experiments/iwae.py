"""Encodes images by IWAE, whose bound takes many codes.

    python experiments/iwae.py                                      # digits, 28×28
    python experiments/iwae.py --data.name mnist --data.dir DIR --steps 200000 --hyper.schedule-steps 200000

The more codes it draws for each image, the tighter is the bound. The loss is −log (1/K) Σ p(x, zₖ) / q(zₖ|x), in nats,
with K codes from the posterior. As in section 5: two layers of 200 tanh units, latent 50, K 50, batch 20, Adam 1e-3,
pixels drawn anew in each step. The paper trains for 3280 epochs with a learning rate that falls by 10^(−1/7) eight
times and Adam's ε 1e-4; here it falls as a cosine over the steps, and ε is 1e-8.

Family: Variational autoencoders
Source: Burda, Grosse, Salakhutdinov 2016
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import Shape, VariationalConfig, VariationalHyper, network_options, variational_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import Widths
from jaxgen.models.vae.vae import DenseVAE
from jaxgen.objectives.vae import make_vae
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(VariationalConfig):
    """Options of this experiment."""

    latent: int = 50
    samples: int = 50
    binarise: bool = True
    hidden: Widths = (200, 200)
    """Widths of the encoder's hidden layers; the decoder's are these backwards."""
    activation: Literal["relu", "tanh"] = "tanh"
    """Of the hidden layers."""
    batch_size: int = 20
    schedule: Shape = "cosine"
    data: DataConfig = DataConfig(name="digits", size=28, channels=1)
    hyper: VariationalHyper = VariationalHyper(learning_rate=1e-3, schedule_steps=10_000)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = DenseVAE(hidden=config.hidden, activation=config.activation, **network_options(config))
    return make_vae(module, **variational_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
