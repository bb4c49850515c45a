"""Denoises at any noise level by a residual U-Net.

    python experiments/residual_unet.py                              # photographs installed with the package
    python experiments/residual_unet.py --data.name folder --data.dir DIR --data.channels 3 --hyper.sigma 55

Images are gray or color; the U-Net works at half the size. The network is conditioned on a map of the noise level,
which is uniform from 0 to hyper.sigma in training; noise is added without clipping, as in the published tables. PSNR
and SSIM are evaluated on held-out photographs, before and after restoration. The blocks without normalisation and the
map are those of DRUNet (Zhang et al.), half the size is that of FFDNet (Zhang, Zuo, Zhang). It is the network of the
shipped denoise_gray, denoise_color, deblur and dejpeg.

Family: Restoration
Source: Zhang et al. 2021; Zhang, Zuo, Zhang 2018
Command: scripts/results restorers denoise_gray --dir DIR --trained WHERE
Score: PSNR 30.00 dB on Set12, σ 25
Time: 3 h 36 min on one shared core of an AMD EPYC
"""

from dataclasses import dataclass

from jaxgen.config import (
    ReconstructionLoss,
    RestorationConfig,
    RestorationHyper,
    Shape,
    restoration_options,
    restorer_options,
)
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt, Widths
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    widths: Widths = (24, 48, 96)
    """Channels of each level, from half the image's size down."""
    blocks: PositiveInt = 2
    """Residual blocks of each level, in the encoder and in the decoder."""
    steps: int = 20_000
    batch_size: int = 16
    conditioning: bool = True
    losses: tuple[ReconstructionLoss, ...] = ("l1",)
    schedule: Shape = "cosine"
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True, rotate=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3, schedule_steps=20_000, sigma=55.0, sigma_spread=1.0)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = ResidualUNet(config.widths, config.blocks, **restorer_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
