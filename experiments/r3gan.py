"""Generates images by R3GAN: relativistic loss, R1 and R2.

    python experiments/r3gan.py                                                                       # digits, 32×32
    python experiments/r3gan.py --data.name mnist --data.dir DIR --data.size 28
    python experiments/r3gan.py --width 96 --blocks 2 --batch-size 512 --data.name cifar10 --data.dir DIR \\
        --data.channels 3 --data.flip --steps 200000 --hyper.schedule-steps 200000 --hyper.learning-rate 2e-4 \\
        --hyper.learning-rate-final 5e-5 --hyper.r1-weight 0.05 --hyper.r1-weight-final 0.005 \\
        --hyper.r2-weight 0.05 --hyper.r2-weight-final 0.005 --hyper.ema-half-life-final 5e6

The networks are residual, without normalisation; there is no other trick. β₂, the learning rate, the weights γ of both
penalties and the half-life of the averaged generator go from their first to their final values along half a cosine of
hyper.schedule-steps steps. The paper has β₁ 0 and, on CIFAR-10, β₂ 0.9 to 0.99, learning rate 2e-4 to 5e-5, γ 0.05 to
0.005, half-life 0 to 5 million images. γ and the learning rate must be found for each data set; the defaults are for
small networks. The score is that of the defaults at 28×28.

Family: Generative adversarial networks
Source: Huang, Gokaslan, Kuleshov, Tompkin 2024
Command: scripts/results study mnist_r3gan --dir DIR
Score: cFID 15.9 ± 3.0 on MNIST (floor 0.91), 3 seeds
Time: 1222 s on two shared cores of an AMD EPYC
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxgen.config import Condition, GanConfig, GanHyper, Loss, Penalty, Shape, gan_options, players
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.schedules import SHAPES, compose, make_half_life
from jaxgen.training.state import Objective

SCHEDULED = ("b2", "r1_weight", "r2_weight", "ema_half_life")


@dataclass(frozen=True)
class R3ganHyper(GanHyper):
    """Hyperparameters of R3GAN."""

    learning_rate: float = 3e-3
    """Learning rate of the generator at the start, before warm-up."""
    learning_rate_final: float = 3e-4
    """Learning rate at the end of the schedule."""
    schedule_steps: float = 4000.0
    """Steps that the schedules take; all stay at their ends from then on."""
    b1: float = 0.0
    b2: float = 0.9
    """Decay of the squared gradient's mean at the start (Adam's β₂, RMSProp's decay)."""
    b2_final: float = 0.99
    """The same at the end of the schedule."""
    r1_weight: float = 0.5
    """Weight γ of R1 at the start; half of it multiplies the squared slope on real images."""
    r1_weight_final: float = 0.05
    """The same at the end of the schedule."""
    r2_weight: float = 0.5
    """Weight γ of R2 at the start; half of it multiplies the squared slope on generated images."""
    r2_weight_final: float = 0.05
    """The same at the end of the schedule."""
    ema_decay: float = 0.0
    """Stays 0: the half-life sets the decay of the generator's average."""
    ema_half_life: float = 0.0
    """Half-life of the averaged generator at the start, images; 0: no average."""
    ema_half_life_final: float = 20_000.0
    """The same at the end of the schedule."""


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    loss: Loss = "relativistic"
    penalties: tuple[Penalty, ...] = ("r1", "r2")
    schedule: Shape = "cosine"
    """Shape of all schedules over hyper.schedule_steps."""
    steps: int = 4000
    batch_size: int = 32
    latent: int = 64
    width: PositiveInt = 8
    """Filters next to the image; they double with every halving of the size, up to eightfold."""
    blocks: PositiveInt = 1
    """Residual blocks at each size; the paper has 2."""
    data: DataConfig = DataConfig(name="digits", size=32, channels=1)
    hyper: R3ganHyper = R3ganHyper()

    conditions: ClassVar[tuple[Condition, ...]] = (
        *GanConfig.conditions,
        Condition(("hyper.r1_weight_final",), "add r1 to penalties", lambda config: "r1" in config.penalties),
        Condition(("hyper.r2_weight_final",), "add r2 to penalties", lambda config: "r2" in config.penalties),
        Condition(
            tuple(f"hyper.{name}_final" for name in SCHEDULED),
            "set schedule to linear or cosine",
            lambda config: config.schedule != "constant",
        ),
        Condition(("hyper.ema_decay",), "set hyper.ema-half-life and hyper.ema-half-life-final", lambda config: False),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    networks = players("r3gan", "none", config, axis_name, width=config.width, blocks=config.blocks)
    options = gan_options(config, axis_name)
    others = [SHAPES[config.schedule](name) for name in SCHEDULED]
    images = make_half_life(config.batch_size)
    options["schedule"] = compose(options["schedule"], *others, images)
    return make_gan(**networks, **options)


if __name__ == "__main__":
    run_script(Config, build, __doc__)
