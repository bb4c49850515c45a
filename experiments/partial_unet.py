"""Inpaints by a U-Net of partial convolutions.

    python experiments/partial_unet.py --widths 32 64 128 128 --no-norm            # a small one, for a CPU
    python experiments/partial_unet.py --data.name folder --data.dir DIR --data.size 256
    python experiments/partial_unet.py --damage scratches

Partial convolutions use known pixels alone. The network takes the mask; known pixels do not change. PSNR and SSIM are
evaluated on held-out photographs, before and after restoration, and so is the PSNR of the hidden pixels. As in the
paper: seven levels, batch norm, L1; its feature, style and smoothness losses are left out.

Family: Restoration
Source: Liu et al. 2018
"""

from dataclasses import dataclass

from jaxgen.config import DamageName, InpaintingConfig, RestorationHyper, inpainter_options, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import Widths
from jaxgen.models.restoration.partial_unet import PartialUNet
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(InpaintingConfig):
    """Options of this experiment."""

    widths: Widths = (64, 128, 256, 512, 512, 512)
    """Channels of each level, from half the image's size down."""
    norm: bool = True
    """Follow the convolutions by batch norm."""
    damage: DamageName = "holes"
    batch_size: int = 16
    data: DataConfig = DataConfig(name="photos", size=64, channels=3, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=2e-4)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = PartialUNet(config.widths, config.norm, axis_name=axis_name, **inpainter_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
