"""Dehazing by maps of gain and offset, which a U-Net estimates from a thumbnail of the image.

    python experiments/dehazer.py                                    # procedural haze over photographs
    python experiments/dehazer.py --data.name folder --data.dir DIR

PSNR and SSIM are evaluated on held-out photographs, before and after restoration.
Source: He and Sun 2015 (an affine map at low resolution), Gharbi et al. 2017 (estimated by a network); absolute error.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxgen.config import (
    Condition,
    DamageName,
    ReconstructionLoss,
    RestorationConfig,
    RestorationHyper,
    Shape,
    compute_dtype,
    restoration_options,
)
from jaxgen.data import Config as DataConfig
from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    """Channels of each level of the U-Net, from the finest."""
    side: int = 64
    """Height and width of the thumbnail in pixels."""
    damage: DamageName = "haze"
    losses: tuple[ReconstructionLoss, ...] = ("l1",)
    """Losses, whose weighted sum is minimized; weights in hyper."""
    steps: int = 20_000
    """Training steps in total; a resumed run continues to this number."""
    batch_size: int = 8
    """Images in one gradient, over all devices."""
    schedule: Shape = "cosine"
    """Shape of the learning rate over hyper.schedule_steps."""
    data: DataConfig = DataConfig(name="photos", size=192, channels=3, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3, schedule_steps=20_000, clip_norm=0.5)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *RestorationConfig.conditions,
        Condition(("conditioning",), "choose another network: this one has no condition", lambda config: False),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = Dehazer(config.widths, config.side, dtype=compute_dtype(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
