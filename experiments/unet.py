"""Denoises by the plain U-Net of two convolutions a level.

    python experiments/unet.py                                       # photographs installed with the package, σ 25
    python experiments/unet.py --data.name folder --data.dir DIR --hyper.sigma 55 --hyper.sigma-spread 1
    python experiments/unet.py --widths 64 128 256 512 1024 --data.size 128 --data.name folder --data.dir DIR

Images are gray or color. The network is trained for one noise level or a range. Noise is added without clipping, as in
the published tables. PSNR and SSIM are evaluated on held-out photographs, before and after restoration. The paper has
widths 64 to 1024; here the convolutions pad, so that the size stays, and the network predicts a residual.

Family: Restoration
Source: Ronneberger, Fischer, Brox 2015
"""

from dataclasses import dataclass

from jaxgen.config import RestorationConfig, RestorationHyper, restoration_options, restorer_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import Widths
from jaxgen.models.restoration.unet import UNet
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    widths: Widths = (16, 32, 64, 128)
    """Channels of each level, from the finest."""
    residual: bool = True
    """Add the network's output to its input."""
    batch_size: int = 16
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True, rotate=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = UNet(config.widths, residual=config.residual, **restorer_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
