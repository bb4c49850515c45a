"""Generates images by SNGAN: spectral norm and hinge loss.

    python experiments/sngan.py                                     # digits, 32×32
    python experiments/sngan.py --network dcgan --data.name fashion_mnist --data.dir DIR --data.fit pad
    python experiments/sngan.py --width 128 --data.size 32 --data.channels 3 --latent 128 \\
        --schedule linear --hyper.schedule-steps 50000 --data.name cifar10 --data.dir DIR

Every kernel of the discriminator is divided by its largest singular value. As in the paper: hinge loss, Adam 2e-4 with
β (0, 0.9), five discriminator updates for each of the generator's, batch 64. The last command has the schedule of its
setting for CIFAR-10 and the 128 filters of its discriminator; the paper's generator has 256, and here both networks are
of one width. The score is that of DCGAN's networks of width 16 at 28×28 after 2,000 steps.

Family: Generative adversarial networks
Source: Miyato, Kataoka, Koyama, Yoshida 2018
Command: scripts/results study mnist_sngan --dir DIR --seeds 1
Score: cFID 42.1 on MNIST (floor 0.91), one seed
Time: 218 s on one shared core of an AMD EPYC
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import GanConfig, GanHyper, Loss, Norm, gan_options, players
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    loss: Loss = "hinge"
    critic_steps: int = 5
    share_latents: bool = False
    network: Literal["dcgan", "resnet"] = "resnet"
    """Radford's networks or Gulrajani's residual ones."""
    norm: Norm = "spectral"
    """Normalisation in the discriminator."""
    width: PositiveInt = 32
    """Filters next to the image (dcgan), or of every block in both networks (resnet)."""
    data: DataConfig = DataConfig(name="digits", size=32, channels=1)
    hyper: GanHyper = GanHyper(learning_rate=2e-4, b1=0.0, b2=0.9)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    networks = players(config.network, config.norm, config, axis_name, width=config.width)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
