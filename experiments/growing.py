"""Grows a residual GAN from small images to large ones.

    python experiments/growing.py --run runs/grown_16                                 # digits, 16×16
    python experiments/growing.py --run runs/grown_32 --data.size 32 --init-from runs/grown_16 --fade-steps 1000
    python experiments/growing.py --run runs/grown_64 --data.size 64 --init-from runs/grown_32 --fade-steps 1000

Each run fades a new block in. Both players start from the smaller run, whose blocks and heads they contain; a line
lists what is copied and what is new. For --fade-steps steps the image is a mixture of the new one and of the enlarged
old one (Karras et al., section 2). The blocks are those of Gulrajani et al. 2017, appendix F; loss and penalty are
those of Mescheder et al.

Family: Generative adversarial networks
Source: Karras, Aila, Laine, Lehtinen 2018; Mescheder, Geiger, Nowozin 2018
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxgen.config import Condition, GanConfig, GanHyper, Norm, Penalty, gan_options, players
from jaxgen.data import Config as DataConfig
from jaxgen.fields import NonNegativeInt, PositiveInt
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    penalties: tuple[Penalty, ...] = ("r1",)
    share_latents: bool = False
    norm: Norm = "none"
    """Normalisation in the discriminator."""
    width: PositiveInt = 32
    """Filters of every block in both networks."""
    attention: NonNegativeInt = 0
    """Side of the map, in both networks, that attends to itself; 0: none does."""
    fade_steps: NonNegativeInt = 0
    """Training steps over which the newest block is faded in; 0: it counts from the start."""
    batch_size: int = 32
    data: DataConfig = DataConfig(name="digits", size=16, channels=1)
    hyper: GanHyper = GanHyper(learning_rate=5e-4, b1=0.0, b2=0.99)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *GanConfig.conditions,
        Condition(("fade_steps",), "set init_from to the smaller run", lambda config: config.init_from != ""),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    fields = {"width": config.width, "fade_steps": config.fade_steps, "attention": config.attention}
    networks = players("growing", config.norm, config, axis_name, **fields)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
