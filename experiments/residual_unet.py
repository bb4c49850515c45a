"""Gray or color denoising of any noise level by a residual U-Net at half the size, conditioned on a noise level map.

    python experiments/residual_unet.py                              # photographs installed with the package
    python experiments/residual_unet.py --data.name folder --data.dir DIR --data.channels 3 --hyper.sigma 55

Noise levels are uniform from 0 to hyper.sigma; noise is added without clipping, as in the published tables. PSNR and
SSIM are evaluated on held-out photographs, before and after restoration.
Source: Zhang et al. 2021 (DRUNet: the U-Net of residual blocks without normalisation, and the map); Zhang, Zuo, Zhang
2018 (FFDNet: half the size, and σ from 0 to 75).
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
from jaxgen.fields import PositiveInt
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    widths: tuple[int, ...] = (24, 48, 96)
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
