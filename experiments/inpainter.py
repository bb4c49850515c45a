"""Inpaints all damage by a diffusion filter and a U-Net.

    python experiments/inpainter.py                                     # photographs installed with the package
    python experiments/inpainter.py --damage holes --data.name folder --data.dir DIR

Damage is rust, stains, foxing, tears, scratches and holes. The network takes the mask of hidden pixels and changes no
others. PSNR and SSIM are evaluated on held-out photographs, before and after restoration, and so is the PSNR of the
hidden pixels. The filter is that of Gortler et al. and of Damelin and Hoang, the U-Net DRUNet's (Zhang et al.).

Family: Restoration
Source: Gortler et al. 1996; Damelin and Hoang 2018; Zhang et al. 2021
Command: scripts/results restorers inpaint_all --dir DIR --trained WHERE
Score: PSNR of hidden pixels from 13.82 to 19.17 dB on held-out photographs
Time: 37 min on one shared core of an AMD EPYC
"""

from dataclasses import dataclass

from jaxgen.config import DamageName, InpaintingConfig, RestorationHyper, Shape, inpainter_options, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt, Widths
from jaxgen.models.restoration.inpainter import Inpainter
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(InpaintingConfig):
    """Options of this experiment."""

    widths: Widths = (24, 48, 96)
    """Channels of each level, from half the image's size down."""
    blocks: PositiveInt = 2
    """Residual blocks of each level, in the encoder and in the decoder."""
    damage: DamageName = "ruined"
    steps: int = 4_000
    batch_size: int = 2
    schedule: Shape = "cosine"
    data: DataConfig = DataConfig(name="photos", size=192, channels=3, fit="crop", flip=True, rotate=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=5e-4, schedule_steps=4_000, clip_norm=0.5)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = Inpainter(config.widths, config.blocks, **inpainter_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
