"""Detects rust, stains, tears and scratches, pixel by pixel.

    python experiments/damage_detector.py                            # photographs installed with the package
    python experiments/damage_detector.py --damage scratches --data.channels 1 --data.name folder --data.dir DIR

A pixel is damaged where the damage has an opacity of 0.1 or more. Intersection over union, precision and recall are
evaluated on held-out photographs. The plain U-Net is that of Ronneberger et al., the residual one that of Zhang et al.,
the Dice loss that of Milletari et al.

Family: Detection, classification, estimation
Source: Ronneberger, Fischer, Brox 2015; Zhang et al. 2021; Milletari, Navab, Ahmadi 2016
Command: scripts/results restorers detect --dir DIR --trained WHERE
Score: intersection over union 0.41, precision 0.81, recall 0.67 on held-out photographs
Time: 103 min on one shared core of an AMD EPYC
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxgen.config import (
    OVERLAYS,
    Condition,
    OverlayHyper,
    OverlayName,
    compute_dtype,
    damage_conditions,
    make_degrade,
    objective_options,
    scanned,
)
from jaxgen.config import Config as BaseConfig
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt, Probability, Widths
from jaxgen.models.restoration.detector import Detector
from jaxgen.models.restoration.unet import UNet
from jaxgen.objectives.detection import make_detection
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Hyper(OverlayHyper):
    """Hyperparameters of this experiment."""

    grain: float = 8.0
    """Largest standard deviation of noise added after the damage, in grey levels (0 to 255)."""
    scan_probability: Probability = 0.0
    """Probability that the damaged image is then blurred slightly and compressed as JPEG, as scans are."""
    cross_entropy_weight: float = 1.0
    """Weight of the cross-entropy, the mean over pixels in nats."""
    dice_weight: float = 1.0
    """Weight of the Dice loss."""


@dataclass(frozen=True)
class Config(BaseConfig):
    """Options of this experiment."""

    damage: OverlayName = "worn"
    network: Literal["unet", "residual"] = "unet"
    """A plain U-Net, or a residual one at half the size, which has more multiplications in the same time."""
    widths: Widths = (16, 32, 64, 128)
    """Channels of each level, from the finest."""
    blocks: PositiveInt = 2
    """Residual blocks of each level, in the encoder and in the decoder."""
    batch_size: int = 16
    data: DataConfig = DataConfig(name="photos", size=96, channels=3, fit="crop", flip=True, rotate=True)
    hyper: Hyper = Hyper(learning_rate=1e-3)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *BaseConfig.conditions,
        *damage_conditions(OVERLAYS),
        Condition(("blocks",), "set network to residual", lambda config: config.network == "residual"),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    dtype = compute_dtype(config)
    if config.network == "residual":
        module = Detector(config.widths, config.blocks, dtype=dtype)
    else:
        module = UNet(widths=config.widths, channels=1, residual=False, dtype=dtype)
    degrade = scanned(make_degrade(config.damage, condition=False))
    return make_detection(module, degrade=degrade, **objective_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
