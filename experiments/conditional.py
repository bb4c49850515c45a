"""Class-conditional GAN: the generator is told a class, the discriminator projects its features on it.

    python experiments/conditional.py                               # digits, 32×32
    python experiments/conditional.py --network dcgan --data.name fashion_mnist --data.dir DIR --data.fit pad
    python experiments/conditional.py --network r3gan --loss relativistic --penalties r1 r2 --critic-steps 1

Samples show one class in each column. The generator takes the class beside the latent, whatever the network; the
discriminator adds ⟨V y, φ(x)⟩ to its logit. Residual and DCGAN discriminators are spectrally normalised.
Source: Miyato and Koyama 2018, equation 3 and section 5: hinge loss, Adam 2e-4 with β (0, 0.9), five discriminator
updates for each of the generator's. In place of their conditional batch norm the class joins the generator's input, as
in Mirza and Osindero 2014.
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.command import run_script
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.experiment import GanConfig, GanHyper, compute_dtype, discriminator_options, gan_options
from jaxgen.models import dcgan, gan_mlp, r3gan, resnet
from jaxgen.objectives.gan import make_gan
from jaxgen.step.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    loss: Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic"] = "hinge"
    """Adversarial loss."""
    conditional: bool = True
    """Condition both networks on the images' labels, of which data.classes gives the number."""
    critic_steps: int = 5
    """Discriminator updates for each generator update."""
    share_latents: bool = False
    """The generator's update sees the latents of the last discriminator update; else fresh ones."""
    network: Literal["mlp", "dcgan", "resnet", "r3gan"] = "resnet"
    """Dense layers, Radford's networks, Gulrajani's residual ones, or residual ones without normalisation."""
    width: int = 32
    """Filters next to the image, or of every block (resnet); dense layers have their own widths."""
    data: DataConfig = DataConfig(name="digits", size=32, channels=1, classes=10)
    hyper: GanHyper = GanHyper(learning_rate=2e-4, b1=0.0, b2=0.9)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    image = {"size": config.data.size, "channels": config.data.channels, "dtype": compute_dtype(config)}
    discriminator = discriminator_options(config, axis_name) | {"dtype": image["dtype"]}
    if config.network == "mlp" and config.width != Config.width:
        raise UsageError(f"width {config.width}: dense layers have their own widths; leave it out, or change network")
    if config.network == "mlp":
        players = gan_mlp.Generator(**image), gan_mlp.Discriminator(**discriminator)
    elif config.network == "r3gan":
        players = r3gan.Generator(width=config.width, **image), r3gan.Discriminator(width=config.width, **discriminator)
    else:
        shared = {"width": config.width}
        model = {"dcgan": dcgan, "resnet": resnet}[config.network]
        make_discriminator = dcgan.Discriminator if config.network == "dcgan" else resnet.Critic
        generator = model.Generator(axis_name=axis_name, **image, **shared)
        players = generator, make_discriminator(norm="spectral", **discriminator, **shared)
    return make_gan(*players, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
