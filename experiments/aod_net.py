"""Removes haze by AOD-Net, which has 1,761 parameters.

    python experiments/aod_net.py                                    # procedural haze over photographs
    python experiments/aod_net.py --width 16 --data.name folder --data.dir DIR

The network estimates one map of transmission and airlight together. PSNR and SSIM are evaluated on held-out
photographs, before and after restoration. As in the paper: J = K · I − K + 1, squared error, weight decay, gradients
clipped.

Family: Restoration
Source: Li et al. 2017
"""

from dataclasses import dataclass

from jaxgen.config import DamageName, RestorationHyper, UnconditionedConfig, compute_dtype, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.models.restoration.aod_net import AODNet
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(UnconditionedConfig):
    """Options of this experiment."""

    width: PositiveInt = 3
    """Channels of the first four convolutions."""
    damage: DamageName = "haze"
    batch_size: int = 8
    data: DataConfig = DataConfig(name="photos", size=64, channels=3, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3, clip_norm=0.1)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = AODNet(features=config.width, dtype=compute_dtype(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
