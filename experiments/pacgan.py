"""Generates images by PacGAN, which judges packs of images.

    python experiments/pacgan.py                                    # digits, 32×32
    python experiments/pacgan.py --packing 4 --data.name mnist --data.dir DIR --data.fit pad

The discriminator sees several images at once, so that a lack of variety shows. Networks and recipe are DCGAN's; images
are packed side by side in the discriminator's input channels (section 3) and nothing else changes. The score is that of
width 32 and learning rate 5e-4 at 28×28 after 4,000 steps; stacked_mnist has it on Stacked-MNIST.

Family: Generative adversarial networks
Source: Lin, Khetan, Fanti, Oh 2018
Command: scripts/results study mnist_pacgan --dir DIR --seeds 1
Score: cFID 39.9 on MNIST (floor 0.91), one seed
Time: 152 s on one shared core of an AMD EPYC
"""

from dataclasses import dataclass

from jaxgen.config import DcganConfig, gan_options, players
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(DcganConfig):
    """Options of this experiment."""

    packing: int = 2


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    networks = players("dcgan", config.norm, config, axis_name, width=config.width)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
