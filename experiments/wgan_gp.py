"""Generates images by WGAN-GP, with a gradient penalty.

    python experiments/wgan_gp.py                                   # digits, 28×28
    python experiments/wgan_gp.py --data.name fashion_mnist --data.dir DIR
    python experiments/wgan_gp.py --width 16 --hyper.learning-rate 1e-3        # small enough for two CPU cores
    python experiments/wgan_gp.py --network resnet --width 128 --data.size 32 --data.channels 3 --latent 128 \\
        --schedule linear --hyper.schedule-steps 100000 --hyper.learning-rate 2e-4 --hyper.b1 0    # CIFAR-10's setting

The penalty holds the critic to slope 1 between real and generated images, in place of clipping. As in algorithm 1: five
critic updates for each of the generator's, λ 10, one interpolation weight per image, no batch norm in the critic, Adam
1e-4 with β (0.5, 0.9), batch 50 on MNIST. The score is that of width 16 and learning rate 5e-4 at 28×28 after 3,000
steps.

Family: Generative adversarial networks
Source: Gulrajani et al. 2017
Command: scripts/results study mnist_wgan_gp --dir DIR
Score: cFID 33.3 ± 6.1 on MNIST (floor 0.91), 3 seeds
Time: 262 s on two shared cores of an AMD EPYC
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import GanConfig, GanHyper, Penalty, gan_options, players
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.fields import PositiveInt
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    loss: Literal["wasserstein"] = "wasserstein"
    penalties: tuple[Penalty, ...] = ("gradient_penalty",)
    critic_steps: int = 5
    share_latents: bool = False
    batch_size: int = 50
    network: Literal["dcgan", "resnet"] = "dcgan"
    """DCGAN's networks without normalisation in the critic, or the paper's residual ones."""
    norm: Literal["none", "layer"] = "none"
    """Normalisation in the critic; neither couples the images of a batch."""
    width: PositiveInt = 64
    """Filters next to the image (dcgan), or of every block (resnet; the paper has 128)."""
    remat: bool = False
    """Compute activations of the residual networks again in the backward pass instead of keeping them."""
    data: DataConfig = DataConfig(name="digits", size=28, channels=1)
    hyper: GanHyper = GanHyper(learning_rate=1e-4, b1=0.5, b2=0.9, penalty_weight=10.0)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    fields = {"width": config.width}
    if config.network == "resnet":
        fields["remat"] = config.remat
    elif config.remat:
        raise UsageError("remat is for --network resnet: DCGAN's networks are too shallow to gain by it")
    networks = players(config.network, config.norm, config, axis_name, **fields)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
