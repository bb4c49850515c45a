"""Tears, scratches and dust mended: a rough filling, and a network of each hidden pixel's surroundings that adds to it.

    python experiments/patch_inpainter.py                               # photographs that come with the installation
    python experiments/patch_inpainter.py --damage scratches --data.name folder --data.dir DIR

The network is told the mask of what is hidden, and changes nothing away from it. PSNR and SSIM are told on photographs
held out from training, beside those of the damaged ones, and the PSNR of what was hidden.
Source: Damelin and Hoang 2018 (the filling); Burger, Schuler, Harmeling 2012 (a fully connected network of patches).
"""

from dataclasses import dataclass

from jaxgen.config import (
    Kind,
    ReconstructionLoss,
    RestorationConfig,
    RestorationHyper,
    Shape,
    check_mask,
    compute_dtype,
    image_channels,
    restoration_options,
)
from jaxgen.data import Config as DataConfig
from jaxgen.models.restoration.patch_inpainter import PatchInpainter
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    radius: int = 5
    """Pixels on each side of the one that is mended that the network sees."""
    width: int = 256
    """Numbers of each of its layers."""
    depth: int = 3
    """Its layers before the last one."""
    samples: int = 2048
    """Hidden pixels of each picture that a training step mends, evenly spread; the others are left roughly filled."""
    damage: Kind = "torn"
    """What befalls the pictures: one of those that hide places."""
    conditioning: bool = True
    """Give the network the mask of hidden pixels as a further input channel; this network needs it."""
    losses: tuple[ReconstructionLoss, ...] = ("l1",)
    """Losses, whose weighted sum is minimized; weights in hyper."""
    steps: int = 8_000
    """Training steps in all; a run that is resumed goes on to this number."""
    batch_size: int = 4
    """Images that one gradient sees, over all devices."""
    schedule: Shape = "cosine"
    """Shape of the learning rate over hyper.schedule_steps."""
    data: DataConfig = DataConfig(name="photos", size=256, channels=3, fit="crop", flip=True, turn=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3, schedule_steps=8_000, chance=0.7)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    check_mask(config)
    module = PatchInpainter(
        config.radius,
        config.width,
        config.depth,
        config.samples,
        image_channels(config),
        dtype=compute_dtype(config),
    )
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
