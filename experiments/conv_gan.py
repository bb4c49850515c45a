"""Generates images by a GAN of unnormalised 3×3 convolutions.

    python experiments/conv_gan.py                                  # digits, 28×28
    python experiments/conv_gan.py --data.name fashion_mnist --data.dir DIR

The generator upsamples, the discriminator has strided convolutions. Adam has β₁ 0.5.

Family: Generative adversarial networks
Source: the convolutional GANs before Radford, Metz, Chintala 2016
"""

from dataclasses import dataclass

from jaxgen.config import GanConfig, GanHyper, compute_dtype, discriminator_options, gan_options, square_side
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.models.gan.conv_gan import Discriminator, Generator
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    width: PositiveInt = 64
    """Filters of every convolution."""
    data: DataConfig = DataConfig(name="digits", size=28, channels=1)
    hyper: GanHyper = GanHyper(learning_rate=2e-4, b1=0.5)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    shared = {"width": config.width, "dtype": compute_dtype(config)}
    generator = Generator(size=square_side(config), channels=config.data.channels, **shared)
    discriminator = Discriminator(**discriminator_options(config, axis_name), **shared)
    return make_gan(generator, discriminator, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
