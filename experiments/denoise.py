"""Denoises by DnCNN, which predicts the noise.

    python experiments/denoise.py                                   # photographs installed with the package, σ 25
    python experiments/denoise.py --data.name folder --data.dir DIR --hyper.sigma 50
    python experiments/denoise.py --data.name folder --data.dir DIR --hyper.sigma 55 --hyper.sigma-spread 1 --depth 20

Images are gray or color. Gaussian noise is added without clipping, as in the published tables. PSNR and SSIM are
evaluated on held-out photographs, before and after restoration. As in the paper: depth 17, width 64, patches of 40×40,
batch 128, Adam 1e-3, squared error.

Family: Restoration
Source: Zhang et al. 2017
Command: python experiments/denoise.py --steps 3000 --depth 8 --width 32 --batch-size 16 --evaluate-every 250
Score: PSNR from 20.18 to 28.71 dB on held-out crops, σ 25, one seed
Time: not recorded
"""

from dataclasses import dataclass

from jaxgen.config import RestorationConfig, RestorationHyper, restoration_options, restorer_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import Depth, PositiveInt
from jaxgen.models.restoration.dncnn import DnCNN
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    depth: Depth = 17
    """Number of convolutions."""
    width: PositiveInt = 64
    """Channels of each."""
    remat: bool = False
    """Recompute activations in the backward pass instead of storing them."""
    batch_size: int = 128
    data: DataConfig = DataConfig(name="photos", size=40, channels=1, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = DnCNN(config.depth, config.width, remat=config.remat, axis_name=axis_name, **restorer_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
