"""Stacked-MNIST: three digits as red, green and blue; how many of the 1000 triples does a generator make?

    python experiments/stacked_mnist.py --data.dir DIR                             # relativistic loss, R1 and R2
    python experiments/stacked_mnist.py --data.dir DIR --loss non_saturating --penalties r1             # the ablation
    python experiments/stacked_mnist.py --data.dir DIR --loss non_saturating --penalties --norm batch     # DCGAN
    python experiments/stacked_mnist.py --data.dir DIR --loss non_saturating --penalties --norm batch --packing 2
    jaxgen evaluate runs/stacked_mnist --count 26000                               # modes, and reverse KL in nats

DIR is TFDS's folder, or an .npz file of MNIST. The digits are composed inside the step from data.seed, so that no
triple is stored and every epoch has others.
Source: Metz et al. 2017, section 3.3.1 (the data); Lin, Khetan, Fanti, Oh 2018, section 4.1 (26,000 samples, and PacGAN
on DCGAN); Huang et al. 2024, section 3 (the losses).
Score: `scripts/results study stacked_relativistic_r1_r2`, 6,000 steps of width 32: 1000 modes, reverse KL 0.176 (real
digits: 1000, 0.023) after 600 s on two CPU cores with other work on them; 0.089 after 18,000 steps; one seed. PacGAN
upon DCGAN has 1000 and 0.131 after 24,000, and upon the non-saturating loss with R1 and R2 1000 and 0.094 after 18,000
(`stacked_pacgan_r1_r2`).
`stacked_minimax` collapses: 162 and 3.74. The others are in README.
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
