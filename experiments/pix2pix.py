"""Translates images to images by pix2pix.

    python experiments/pix2pix.py                                    # colours for photographs that come along
    python experiments/pix2pix.py --data.name pairs --data.dir DAMAGED --data.target-dir CLEAN --damage none
    python experiments/pix2pix.py --widths 32 64 128 128 --discriminator-widths 16 32 64    # a small one, for a CPU

It learns from pairs; without pairs it colors gray photographs. Pairs have the same names in two folders and the same
sizes. PSNR and SSIM are measured on images held out from training, beside those of the input. The paper has 100 L1 +
the adversarial loss of 70×70 patches that see the input too, here as L1 + 0.01 of it; instance norm, dropout for noise,
Adam 2e-4 with β₁ 0.5, batch 1 to 10. Its generator has eight levels.

Family: Restoration
Source: Isola, Zhu, Zhou, Efros 2017
"""

from dataclasses import dataclass

from jaxgen.config import (
    AdversarialRestorationConfig,
    AdversarialRestorationHyper,
    DamageName,
    ReconstructionLoss,
    adversarial_restoration_options,
    compute_dtype,
    image_channels,
)
from jaxgen.data import Config as DataConfig
from jaxgen.fields import Decay, Widths
from jaxgen.models.gan.discriminators import PatchDiscriminator
from jaxgen.models.gan.pix2pix import Generator
from jaxgen.objectives.adversarial.restoration import make_adversarial_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(AdversarialRestorationConfig):
    """Options of this experiment."""

    widths: Widths = (64, 128, 256, 512, 512, 512)
    """Filters of the generator's convolutions, each of which halves the image."""
    dropout: Decay = 0.5
    """Share of activations that is dropped in the generator's first three layers up, in training."""
    discriminator_widths: Widths = (64, 128, 256)
    """Filters of the discriminator's convolutions of stride 2."""
    damage: DamageName = "gray"
    losses: tuple[ReconstructionLoss, ...] = ("l1",)
    batch_size: int = 4
    data: DataConfig = DataConfig(name="photos", size=128, channels=3, fit="crop", flip=True)
    hyper: AdversarialRestorationHyper = AdversarialRestorationHyper(
        learning_rate=2e-4, b1=0.5, adversarial_weight=0.01
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    dtype = compute_dtype(config)
    generator = Generator(
        config.widths, "instance", config.dropout, image_channels(config), axis_name=axis_name, dtype=dtype
    )
    discriminator = PatchDiscriminator(config.discriminator_widths, "instance", dtype=dtype)
    options = adversarial_restoration_options(config, axis_name)
    return make_adversarial_restoration(generator, discriminator, conditional=True, dropout=True, **options)


if __name__ == "__main__":
    run_script(Config, build, __doc__)
