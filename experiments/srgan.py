"""Upsamples images by a factor of 4 by SRGAN.

    python experiments/srresnet.py --run runs/srresnet                               # first: least squares alone
    python experiments/srgan.py --init-from runs/srresnet                            # then: against the discriminator
    python experiments/srgan.py --init-from runs/srresnet --loss relativistic
    python experiments/srgan.py --width 32 --blocks 8 --no-norm --residual --discriminator-widths 16 32 64 \\
        --discriminator-hidden 64

SRGAN is SRResNet against a discriminator of real images. The network's fields must be those of the run that it starts
from. Sharpness is bought with PSNR: it falls by 2 to 3 dB in the paper, where people rate the images higher. As in
Ledig et al.: content loss plus 1e-3 times the adversarial one, Adam 1e-4, crops of 96, batch 16; their content loss is
of VGG's features, here --losses feature --features vgg19.safetensors, which jaxgen convert vgg writes. The relativistic
loss is that of Jolicoeur-Martineau.

Family: Restoration
Source: Ledig et al. 2017; Jolicoeur-Martineau 2019
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxgen.config import (
    AdversarialRestorationConfig,
    AdversarialRestorationHyper,
    Condition,
    DamageName,
    Norm,
    adversarial_restoration_options,
    compute_dtype,
)
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt, Widths
from jaxgen.models.gan.discriminators import CropDiscriminator
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.objectives.adversarial.restoration import make_adversarial_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(AdversarialRestorationConfig):
    """Options of this experiment."""

    width: PositiveInt = 64
    """Channels of the generator."""
    blocks: PositiveInt = 16
    """Residual blocks of the generator."""
    scale: Literal[1, 2, 4, 8] = 4
    """Scale factor of height and width; 1 for other damage than downsample."""
    norm: bool = True
    """Follow the generator's convolutions by batch norm."""
    residual: bool = False
    """Add the generator's output to the bicubic enlargement instead of using it as the image."""
    discriminator_widths: Widths = (64, 128, 256, 512)
    """Filters of the discriminator's pairs of convolutions."""
    discriminator_hidden: PositiveInt = 1024
    """Units of the discriminator's dense layer."""
    discriminator_norm: Norm = "batch"
    """Norm of the discriminator."""
    damage: DamageName = "downsample"
    batch_size: int = 16
    data: DataConfig = DataConfig(name="photos", size=96, channels=3, fit="crop", flip=True, rotate=True)
    hyper: AdversarialRestorationHyper = AdversarialRestorationHyper(learning_rate=1e-4)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *AdversarialRestorationConfig.conditions,
        Condition(("conditioning",), "choose another network: this one has no condition", lambda config: False),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    fields = {"axis_name": axis_name, "dtype": compute_dtype(config)}
    generator = SRResNet(config.width, config.blocks, config.scale, config.norm, config.residual, **fields)
    discriminator = CropDiscriminator(
        config.discriminator_widths, config.discriminator_hidden, config.discriminator_norm, **fields
    )
    options = adversarial_restoration_options(config, axis_name, scale=config.scale)
    return make_adversarial_restoration(generator, discriminator, **options)


if __name__ == "__main__":
    run_script(Config, build, __doc__)
