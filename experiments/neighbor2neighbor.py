"""Denoises by Neighbor2Neighbor, without clean images.

    python experiments/neighbor2neighbor.py                      # photographs installed with the package, σ 25
    python experiments/neighbor2neighbor.py --data.name folder --data.dir NOISY --damage none    # noisy images
    python experiments/neighbor2neighbor.py --hyper.sigma 55 --hyper.sigma-spread 1 --steps 20000

Each pixel's target is its neighbor. The noise must be independent from pixel to pixel, as a sensor's is before the
camera's software. PSNR and SSIM are evaluated on held-out photographs where clean ones exist; the best checkpoint is
selected by the loss, which needs none. The paper has a U-Net, Adam 3e-4, consistency weight 1 to 2, crops of 256, batch
4.

Family: Restoration
Source: Huang et al. 2021
Command: python experiments/neighbor2neighbor.py --data.name folder --data.dir BSDS500 --data.channels 1 \\
    --steps 1000 --schedule cosine --hyper.schedule-steps 1000
Score: PSNR from 20.2 to 25.4 dB on held-out photographs, σ 25, one seed
Time: 1.4 min on one core of two
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxgen.config import Condition, RestorationConfig, RestorationHyper, compute_dtype, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt, Widths
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.objectives.neighbours import make_neighbours
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Hyper(RestorationHyper):
    """Hyperparameters of Neighbor2Neighbor."""

    consistency_weight: float = 1.0
    """Weight of the consistency loss, between restored subimages and subimages of the restored image."""


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    widths: Widths = (24, 48, 96)
    """Channels of each level, from half the image's size down."""
    blocks: PositiveInt = 1
    """Residual blocks of each level, in the encoder and in the decoder."""
    batch_size: int = 8
    data: DataConfig = DataConfig(name="photos", size=96, channels=1, fit="crop", flip=True, rotate=True)
    hyper: Hyper = Hyper(learning_rate=3e-4)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *RestorationConfig.conditions,
        Condition(("conditioning",), "leave it out: this objective does not know the damage", lambda config: False),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = ResidualUNet(widths=config.widths, blocks=config.blocks, dtype=compute_dtype(config))
    options = restoration_options(config, axis_name, needs_clean=False)
    return make_neighbours(module, clean=config.damage != "none" or config.data.name == "pairs", **options)


if __name__ == "__main__":
    run_script(Config, build, __doc__)
