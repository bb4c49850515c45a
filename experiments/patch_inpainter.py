"""Inpaints thin damage by a network of each pixel's patch.

    python experiments/patch_inpainter.py                               # photographs installed with the package
    python experiments/patch_inpainter.py --damage scratches --data.name folder --data.dir DIR

Damage is tears, scratches and dust. A diffusion filter (Damelin and Hoang) comes first, then a fully connected network
of patches (Burger et al.). The network takes the mask of hidden pixels and changes no others. PSNR and SSIM are
evaluated on held-out photographs, before and after restoration, and so is the PSNR of the hidden pixels.

Family: Restoration
Source: Damelin and Hoang 2018; Burger, Schuler, Harmeling 2012
Command: scripts/results restorers inpaint_tight --dir DIR --trained WHERE
Score: PSNR of hidden pixels from 11.17 to 25.67 dB on held-out photographs
Time: 77 min on one shared core of an AMD EPYC
"""

from dataclasses import dataclass

from jaxgen.config import DamageName, InpaintingConfig, RestorationHyper, Shape, inpainter_options, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import NonNegativeInt, PositiveInt
from jaxgen.models.restoration.patch_inpainter import PatchInpainter
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(InpaintingConfig):
    """Options of this experiment."""

    radius: NonNegativeInt = 5
    """Radius of the patches; their side is 2 · radius + 1 pixels."""
    width: PositiveInt = 256
    """Units of each hidden layer."""
    depth: PositiveInt = 3
    """Number of hidden layers."""
    samples: PositiveInt = 2048
    """Hidden pixels of each image that a training step restores; the others keep the filter's values."""
    damage: DamageName = "torn"
    steps: int = 8_000
    batch_size: int = 4
    schedule: Shape = "cosine"
    data: DataConfig = DataConfig(name="photos", size=256, channels=3, fit="crop", flip=True, rotate=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3, schedule_steps=8_000, damage_probability=0.7)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = PatchInpainter(config.radius, config.width, config.depth, config.samples, **inpainter_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
