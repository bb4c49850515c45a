"""Denoises by NAFNet, which multiplies halves of its channels.

    python experiments/nafnet.py                                     # photographs installed with the package, σ 25
    python experiments/nafnet.py --width 32 --encoder 2 2 4 8 --middle 12 --decoder 2 2 2 2 --data.size 256 \\
        --data.name folder --data.dir DIR --steps 200000 --hyper.schedule-steps 200000

The product of two halves of the channels is the only nonlinearity. Noise is added without clipping, as in the published
tables. PSNR and SSIM are evaluated on held-out photographs, before and after restoration. The attention averages over
the whole image, so that it has no exact tiles. The paper has AdamW 1e-3 with β 0.9 and 0.9, a cosine to 1e-7, width 32
and 36 blocks.

Family: Restoration
Source: Chen, Chu, Zhang, Sun 2022
"""

from dataclasses import dataclass

from jaxgen.config import Optimizer, RestorationConfig, RestorationHyper, Shape, restoration_options, restorer_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import NonNegativeInt, PositiveInt, Widths
from jaxgen.models.restoration.nafnet import NAFNet
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    width: PositiveInt = 16
    """Channels of the finest level; they double with each halving of the size."""
    encoder: Widths = (1, 1)
    """Blocks of each level of the encoder, from the finest."""
    middle: NonNegativeInt = 2
    """Blocks of the coarsest level."""
    decoder: Widths = (1, 1)
    """Blocks of each level of the decoder, from the finest."""
    batch_size: int = 16
    optimizer: Optimizer = "adamw"
    schedule: Shape = "cosine"
    data: DataConfig = DataConfig(name="photos", size=64, channels=3, fit="crop", flip=True, rotate=True)
    hyper: RestorationHyper = RestorationHyper(
        learning_rate=1e-3, learning_rate_final=1e-7, schedule_steps=10_000, b1=0.9, b2=0.9, weight_decay=0.0
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = NAFNet(config.width, config.encoder, config.middle, config.decoder, **restorer_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
