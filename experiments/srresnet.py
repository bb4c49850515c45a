"""Upsamples images by a factor of 4 by SRResNet.

    python experiments/srresnet.py                                   # photographs installed with the package
    python experiments/srresnet.py --no-norm --residual --width 32 --blocks 8 --losses l1     # for a CPU
    python experiments/srresnet.py --data.name folder --data.dir DIR --data.size 96 --steps 1000000

Images are downsampled by MATLAB's antialiased bicubic interpolation, clipped and rounded to 8 bits. PSNR and SSIM are
evaluated on held-out photographs, and compared with bicubic interpolation. As in the paper: width 64, 16 blocks, crops
of 96, batch 16, Adam 1e-4, squared error.

Family: Restoration
Source: Ledig et al. 2017
Command: scripts/results restorers superres --dir DIR --trained WHERE
Score: PSNR 30.60 dB on Set5 (bicubic 28.43)
Time: 80 min on one shared core of an AMD EPYC
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import DamageName, RestorationHyper, UnconditionedConfig, compute_dtype, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(UnconditionedConfig):
    """Options of this experiment."""

    width: PositiveInt = 64
    """Channels of the network."""
    blocks: PositiveInt = 16
    """Residual blocks."""
    scale: Literal[1, 2, 4, 8] = 4
    """Upsampling factor; 1 for other damage than downsample."""
    norm: bool = True
    """Follow the convolutions by batch norm."""
    residual: bool = False
    """Add the network's output to the bicubic interpolation."""
    damage: DamageName = "downsample"
    batch_size: int = 16
    data: DataConfig = DataConfig(name="photos", size=96, channels=3, fit="crop", flip=True, rotate=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-4)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = SRResNet(
        config.width,
        config.blocks,
        config.scale,
        config.norm,
        config.residual,
        axis_name=axis_name,
        dtype=compute_dtype(config),
    )
    return make_restoration(module, **restoration_options(config, axis_name, scale=config.scale))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
