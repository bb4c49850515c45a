"""SNGAN: every kernel of the discriminator is divided by its largest singular value; hinge loss.

    python experiments/sngan.py                                     # digits, 32×32
    python experiments/sngan.py --network dcgan --data.name fashion_mnist --data.dir DIR --data.fit pad
    python experiments/sngan.py --width 128 --data.size 32 --data.channels 3 --latent 128 \\
        --schedule linear --hyper.schedule-steps 50000 --data.name cifar10 --data.dir DIR    # the paper's setting

Source: Miyato, Kataoka, Koyama, Yoshida 2018: Adam 2e-4 with β (0, 0.9), five discriminator updates for each of the
generator's, batch 64.
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.command import run_script
from jaxgen.data import Config as DataConfig
from jaxgen.experiment import GanConfig, GanHyper, compute_dtype, discriminator_options, gan_options
from jaxgen.models import dcgan, resnet
from jaxgen.objectives.gan import make_gan
from jaxgen.step.state import Objective

NETWORKS = {"dcgan": (dcgan.Generator, dcgan.Discriminator), "resnet": (resnet.Generator, resnet.Critic)}


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    loss: Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic"] = "hinge"
    """Adversarial loss."""
    critic_steps: int = 5
    """Discriminator updates for each generator update."""
    share_latents: bool = False
    """The generator's update sees the latents of the last discriminator update; else fresh ones."""
    network: Literal["dcgan", "resnet"] = "resnet"
    """Radford's networks or Gulrajani's residual ones."""
    width: int = 32
    """Filters next to the image (dcgan), or of every block (resnet; the paper has 128)."""
    data: DataConfig = DataConfig(name="digits", size=32, channels=1)
    hyper: GanHyper = GanHyper(learning_rate=2e-4, b1=0.0, b2=0.9)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    make_generator, make_discriminator = NETWORKS[config.network]
    shared = {"width": config.width, "dtype": compute_dtype(config)}
    generator = make_generator(size=config.data.size, channels=config.data.channels, axis_name=axis_name, **shared)
    discriminator = make_discriminator(norm="spectral", **discriminator_options(config, axis_name), **shared)
    return make_gan(generator, discriminator, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
