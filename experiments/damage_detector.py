"""Detection of rust, stains, foxing, tears and scratches by a U-Net, pixel by pixel.

    python experiments/damage_detector.py                            # photographs installed with the package
    python experiments/damage_detector.py --damage scratches --data.channels 1 --data.name folder --data.dir DIR

A pixel is damaged where the damage has an opacity of 0.1 or more. Intersection over union, precision and recall are
evaluated on held-out photographs.
Source: Ronneberger, Fischer, Brox 2015 (U-Net); Zhang et al. 2021 (the residual one); Milletari, Navab, Ahmadi 2016
(Dice loss).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxgen.config import (
    OVERLAID,
    Condition,
    as_scanned,
    check_probabilities,
    compute_dtype,
    make_degrade,
    objective_options,
)
from jaxgen.config import Config as BaseConfig
from jaxgen.config import Hyper as BaseHyper
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.models.restoration.detector import Detector
from jaxgen.models.restoration.unet import UNet
from jaxgen.objectives.detection import make_detection
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Hyper(BaseHyper):
    """Numbers of a recipe that finds damage."""

    grain: float = 8.0
    """Largest standard deviation of noise that comes to the damage, in grey levels of 255."""
    chance: float = 0.4
    """Probability of each kind of damage in torn, worn and ruined."""
    opaque: float = 0.0
    """Probability that what hides places is made opaque and of any colour, as letters and real cracks are."""
    scanned: float = 0.0
    """Probability that the damaged picture was then blurred a little and saved as JPEG, as scans are."""
    cross_entropy_weight: float = 1.0
    """Weight of the cross-entropy, the mean over pixels in nats."""
    dice_weight: float = 1.0
    """Weight of the Dice loss."""


@dataclass(frozen=True)
class Config(BaseConfig):
    """Options of this experiment."""

    damage: Literal["rust", "stain", "foxing", "holes", "tears", "scratches", "torn", "worn", "ruined"] = "worn"
    """What befalls the pictures; torn: tears and scratches, each by chance; worn: all but holes; ruined: all."""
    network: Literal["unet", "residual"] = "unet"
    """A plain U-Net, or a residual one at half the size, which has more multiplications in the same time."""
    widths: tuple[int, ...] = (16, 32, 64, 128)
    """Channels of each level, from the finest."""
    blocks: PositiveInt = 2
    """Residual blocks of each level, in the encoder and in the decoder."""
    batch_size: int = 16
    """Images in one gradient, over all devices."""
    data: DataConfig = DataConfig(name="photos", size=96, channels=3, fit="crop", flip=True, rotate=True)
    hyper: Hyper = Hyper(learning_rate=1e-3)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *BaseConfig.conditions,
        Condition(("hyper.chance",), "set damage to torn, worn or ruined", lambda config: config.damage in OVERLAID),
        Condition(("blocks",), "set network to residual", lambda config: config.network == "residual"),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    check_probabilities(config.hyper, "chance", "opaque", "scanned")
    dtype = compute_dtype(config)
    if config.network == "residual":
        module = Detector(config.widths, config.blocks, dtype=dtype)
    else:
        module = UNet(widths=config.widths, channels=1, residual=False, dtype=dtype)
    degrade = as_scanned(make_degrade(config.damage, told=False))
    return make_detection(module, degrade=degrade, **objective_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
