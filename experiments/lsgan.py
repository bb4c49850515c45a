"""Generates images by LSGAN: least squares, not logarithms.

    python experiments/lsgan.py                                     # digits, 32×32
    python experiments/lsgan.py --data.name mnist --data.dir DIR --data.fit pad

The networks are DCGAN's. ½(D(x) − 1)² + ½D(G(z))² for the discriminator, ½(D(G(z)) − 1)² for the generator (equation
9): gradients do not vanish for images that are on the right side and far from the boundary. The score is that of width
32 and learning rate 5e-4 at 28×28 after 4,000 steps.

Family: Generative adversarial networks
Source: Mao et al. 2017
Command: scripts/results study mnist_lsgan --dir DIR
Score: cFID 36.2 ± 1.9 on MNIST (floor 0.91), 3 seeds
Time: 219 s on two shared cores of an AMD EPYC
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import DcganConfig, gan_options, players
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(DcganConfig):
    """Options of this experiment."""

    loss: Literal["least_squares"] = "least_squares"


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    networks = players("dcgan", config.norm, config, axis_name, width=config.width)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
