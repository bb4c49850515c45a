"""Removes haze by maps that a U-Net estimates on a thumbnail.

    python experiments/dehazer.py                                    # procedural haze over photographs
    python experiments/dehazer.py --data.name folder --data.dir DIR

They are maps of gain and offset. PSNR and SSIM are evaluated on held-out photographs, before and after restoration. The
affine map at low resolution is that of He and Sun; that a network estimates it, of Gharbi et al. The loss is the
absolute error.

Family: Restoration
Source: He and Sun 2015; Gharbi et al. 2017
Command: scripts/results restorers dehaze --dir DIR --trained WHERE
Score: PSNR from 14.84 to 24.24 dB on ten photographs of CBSD68, β 1.2
Time: 83 min on one shared core of an AMD EPYC
"""

from dataclasses import dataclass

from jaxgen.config import (
    DamageName,
    ReconstructionLoss,
    RestorationHyper,
    Shape,
    UnconditionedConfig,
    compute_dtype,
    restoration_options,
)
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt, Widths
from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(UnconditionedConfig):
    """Options of this experiment."""

    widths: Widths = (16, 32, 64, 96, 128)
    """Channels of each level of the U-Net, from the finest."""
    side: PositiveInt = 64
    """Height and width of the thumbnail in pixels."""
    damage: DamageName = "haze"
    losses: tuple[ReconstructionLoss, ...] = ("l1",)
    steps: int = 20_000
    batch_size: int = 8
    schedule: Shape = "cosine"
    data: DataConfig = DataConfig(name="photos", size=192, channels=3, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3, schedule_steps=20_000, clip_norm=0.5)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = Dehazer(config.widths, config.side, dtype=compute_dtype(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
