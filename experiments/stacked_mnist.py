"""Counts the modes of a GAN on Stacked-MNIST.

    python experiments/stacked_mnist.py --data.dir DIR                             # relativistic loss, R1 and R2
    python experiments/stacked_mnist.py --data.dir DIR --loss non_saturating --penalties r1             # the ablation
    python experiments/stacked_mnist.py --data.dir DIR --loss non_saturating --penalties --norm batch     # DCGAN
    python experiments/stacked_mnist.py --data.dir DIR --loss non_saturating --penalties --norm batch --packing 2
    jaxgen evaluate runs/stacked_mnist --count 26000                               # modes, and reverse KL in nats

An image is three digits, red, green and blue; the score is how many of the 1000 triples a generator makes. DIR is
TFDS's folder, or an .npz file of MNIST. The digits are composed inside the step from data.seed, so that no triple is
stored and every epoch has others. The data are those of Metz et al., section 3.3.1; the 26,000 samples and PacGAN on
DCGAN are those of Lin et al., section 4.1; the losses are those of Huang et al., section 3. The score is that of width
32 after 6,000 steps.

Family: Generative adversarial networks
Source: Metz et al. 2017; Lin, Khetan, Fanti, Oh 2018; Huang et al. 2024
Command: scripts/results study stacked_relativistic_r1_r2 --dir DIR --seeds 1
Score: 1000 modes, reverse KL 0.176 nats (real digits: 1000, 0.023), one seed
Time: 601 s on two shared cores of an AMD EPYC
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import GanConfig, GanHyper, Loss, Norm, Penalty, gan_options, players
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    loss: Loss = "relativistic"
    penalties: tuple[Penalty, ...] = ("r1", "r2")
    network: Literal["dcgan", "r3gan"] = "dcgan"
    """Radford's networks, or residual ones without normalisation."""
    norm: Norm = "none"
    """Normalisation in the discriminator of dcgan."""
    width: PositiveInt = 32
    """Filters next to the image; they double with every halving of the size."""
    steps: int = 5000
    data: DataConfig = DataConfig(name="stacked_mnist", size=28, channels=3)
    hyper: GanHyper = GanHyper(learning_rate=2e-4, b1=0.5)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    networks = players(config.network, config.norm, config, axis_name, width=config.width)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
