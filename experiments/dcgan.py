"""Generates images by DCGAN's 4×4 convolutions and batch norm.

    python experiments/dcgan.py                                     # digits, 32×32
    python experiments/dcgan.py --data.name folder --data.dir DIR --data.size 64 --data.channels 3 --batch-size 32
    python experiments/dcgan.py --variant deep_stem --data.size 128 --data.channels 3 --data.name photos

`radford` is the paper's network at 28, 32, 64 or 128 pixels; `deep_stem` puts five dense layers before the first
transposed convolution and makes 128×128. As in the paper: batch 64, Adam 2e-4 with β₁ 0.5, weights from N(0, 0.02),
LeakyReLU 0.2. The score is that of width 32 and learning rate 5e-4 at 28×28 after 4,000 steps.

Family: Generative adversarial networks
Source: Radford, Metz, Chintala 2016
Command: scripts/results study mnist_dcgan --dir DIR
Score: cFID 39.4 ± 1.5 on MNIST (floor 0.91), 3 seeds
Time: 236 s on two shared cores of an AMD EPYC
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

    variant: Literal["radford", "deep_stem"] = "radford"
    """The paper's generator, or the one with a stem of dense layers."""


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    network = {"radford": "dcgan", "deep_stem": "dcgan_deep_stem"}[config.variant]
    networks = players(network, config.norm, config, axis_name, width=config.width)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
