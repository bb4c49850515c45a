"""Generates images by WGAN, whose critic has clipped weights.

    python experiments/wgan.py                                      # digits, 32×32
    python experiments/wgan.py --data.name mnist --data.dir DIR --data.fit pad

The critic estimates the Wasserstein distance, which the generator descends, and takes five updates for each of the
generator's, RMSProp keeps both steady. As in the paper's algorithm 1: RMSProp 5e-5, clip 0.01, batch 64. Its 100 critic
updates in the first 25 steps and every 500th are left out: they would make steps of two sizes. The score is that of
width 16 and learning rate 5e-4 at 28×28 after 4,000 steps.

Family: Generative adversarial networks
Source: Arjovsky, Chintala, Bottou 2017
Command: scripts/results study mnist_wgan --dir DIR
Score: cFID 79 ± 16 on MNIST (floor 0.91), 3 seeds
Time: 335 s on two shared cores of an AMD EPYC
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import DcganConfig, GanHyper, Optimizer, gan_options, players
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(DcganConfig):
    """Options of this experiment."""

    loss: Literal["wasserstein"] = "wasserstein"
    clip_weights: bool = True
    critic_steps: int = 5
    share_latents: bool = False
    optimizer: Optimizer = "rmsprop"
    hyper: GanHyper = GanHyper(learning_rate=5e-5, b1=0.0, b2=0.99, clip_limit=0.01)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    networks = players("dcgan", config.norm, config, axis_name, width=config.width)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
