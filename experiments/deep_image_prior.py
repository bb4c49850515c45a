"""Restores one image by a network fitted to it alone.

    python experiments/deep_image_prior.py                                     # a photograph that comes along, σ 25
    python experiments/deep_image_prior.py --data.dir PHOTO.png --damage none --data.size 0
    python experiments/deep_image_prior.py --damage holes --hyper.input-noise 0 --steps 5000

The result is in RUN/samples/result-….png. A twentieth of the pixels is held out from the loss; the result is the
average output at the step where its error on them is smallest, and training ends hyper.patience steps later (Batson and
Royer; Yaman et al.). It needs no clean image, but noise that is independent from pixel to pixel. Pixels hidden by a
mask have no weight in the loss. If the experiment itself damages the image, PSNR and SSIM of the result, and of the
current step ("…_now"), are evaluated. As in Ulyanov et al.: width 128, five halvings, Adam 0.01, input noise 1/30,
outputs averaged by 0.99.

Family: Restoration
Source: Ulyanov, Vedaldi, Lempitsky 2018; Batson and Royer 2019; Yaman et al. 2022
Score: PSNR from 20.21 to 27.71 dB on one photograph, σ 25, one seed
Time: 4 min on one shared core
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxgen.config import (
    DAMAGE_CONDITIONS,
    DAMAGES,
    Condition,
    DamageHyper,
    DamageName,
    compute_dtype,
    make_degrade,
    objective_options,
)
from jaxgen.config import Config as BaseConfig
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.fields import Decay, Fraction, NonNegativeInt, PositiveInt
from jaxgen.models.restoration.hourglass import Hourglass
from jaxgen.objectives.deep_image_prior import make_deep_image_prior
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Hyper(DamageHyper):
    """Hyperparameters of Deep Image Prior."""

    learning_rate: float = 0.01
    ema_decay: float = 0.0
    """Decay of the parameters' moving average per step; 0: the outputs are averaged instead."""
    input_noise: float = 1 / 30
    """Standard deviation of the noise that is added to the network's input at each step."""
    held_out: Fraction = 0.05
    """Fraction of the pixels that are held out from the loss, to select the best step."""
    smooth_decay: Decay = 0.99
    """Decay of the moving average of the outputs per step."""
    patience: float = 500.0
    """Steps without a smaller error on the held-out pixels after which training ends."""


@dataclass(frozen=True)
class Config(BaseConfig):
    """Options of this experiment."""

    damage: DamageName = "noise"
    width: PositiveInt = 64
    """Channels of each level."""
    levels: PositiveInt = 4
    """Levels, each of which halves the size."""
    skip: NonNegativeInt = 4
    """Channels of each skip connection."""
    steps: int = 5000
    """Training steps at most."""
    batch_size: int = 1
    """Images; there is one."""
    evaluate_every: int = 50
    """Steps between evaluations; 0: only at the end."""
    data: DataConfig = DataConfig(name="picture", size=128)
    hyper: Hyper = Hyper()

    conditions: ClassVar[tuple[Condition, ...]] = (
        *BaseConfig.conditions,
        *DAMAGE_CONDITIONS,
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    if config.data.name != "picture":
        raise UsageError(f"data {config.data.name}: Deep Image Prior fits one image; set data.name to picture")
    degrade = make_degrade(config.damage, condition=False)
    if DAMAGES[config.damage].resizes:
        raise UsageError(f"damage {config.damage}: this network does not upsample; choose another damage")
    module = Hourglass(config.data.channels or 3, config.width, config.levels, config.skip, dtype=compute_dtype(config))
    options = objective_options(config, axis_name)
    return make_deep_image_prior(module, degrade=degrade, clean=config.damage != "none", **options)


if __name__ == "__main__":
    run_script(Config, build, __doc__)
