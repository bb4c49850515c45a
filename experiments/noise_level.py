"""Estimates the noise level of an image.

    python experiments/noise_level.py                                # photographs installed with the package
    python experiments/noise_level.py --data.name folder --data.dir DIR

Denoisers are conditioned on it. The network is trained on one channel and applied to each channel of color images.
Levels are uniform from 0 to hyper.sigma. Five convolutions of width 32 are those of CBDNet; here they work at half the
size, with a weighted mean instead of a map.

Family: Detection, classification, estimation
Source: Guo, Yan, Zhang, Zuo, Zhang 2019
Command: scripts/results restorers noise_level --dir DIR --trained WHERE
Score: mean error 0.3, 0.3, 0.4, 0.8 grey levels on BSD68 at σ 5, 10, 25, 50
Time: not recorded
"""

from dataclasses import dataclass

from jaxgen.config import Config as BaseConfig
from jaxgen.config import NoiseHyper, compute_dtype, objective_options
from jaxgen.data import Config as DataConfig
from jaxgen.degradations.noise import random_gaussian_noise
from jaxgen.fields import Depth, PositiveInt
from jaxgen.models.restoration.noise_estimator import NoiseEstimator
from jaxgen.objectives.noise_estimation import make_noise_level
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(BaseConfig):
    """Options of this experiment."""

    depth: Depth = 5
    """Number of convolutions."""
    width: PositiveInt = 32
    """Channels of each."""
    batch_size: int = 32
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True, rotate=True)
    hyper: NoiseHyper = NoiseHyper(learning_rate=1e-3, sigma=75.0, sigma_spread=1.0)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = NoiseEstimator(depth=config.depth, width=config.width, dtype=compute_dtype(config))
    return make_noise_level(module, degrade=random_gaussian_noise, **objective_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
