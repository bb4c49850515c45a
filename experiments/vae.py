"""Encodes and generates images by a VAE of dense layers.

    python experiments/vae.py                                       # digits, 28×28
    python experiments/vae.py --data.name mnist --data.dir DIR --binarise --steps 4690 --evaluate-every 4690 \\
        --evaluate-images 10000
    python experiments/vae.py --likelihood logistic                 # grey levels instead of black and white

The loss is the negative bound in nats, summed over pixels and latents: −log p(x|z) + KL(q(z|x) ‖ p(z)). The sizes are
those of Flax's example: hidden 500, latent 20, Adam 1e-3, batch 128, 10 epochs of MNIST.

Family: Variational autoencoders
Source: Kingma and Welling 2014
Command: python experiments/vae.py --data.name mnist --data.dir DIR --binarise --steps 4690 --evaluate-every 4690 \\
    --evaluate-images 10000
Score: −ELBO 100.9 nats on MNIST's test images, one seed
Time: 153 s on one shared core
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import VariationalConfig, network_options, variational_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import Widths
from jaxgen.models.vae.vae import DenseVAE
from jaxgen.objectives.vae import make_vae
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(VariationalConfig):
    """Options of this experiment."""

    hidden: Widths = (500,)
    """Widths of the encoder's hidden layers; the decoder's are these backwards."""
    activation: Literal["relu", "tanh"] = "relu"
    """Of the hidden layers."""
    data: DataConfig = DataConfig(name="digits", size=28, channels=1)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = DenseVAE(hidden=config.hidden, activation=config.activation, **network_options(config))
    return make_vae(module, **variational_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
