"""Generates images by a GAN of dense layers.

    python experiments/gan_mlp.py                                   # digits, 28×28
    python experiments/gan_mlp.py --data.name mnist --data.dir DIR
    python experiments/gan_mlp.py --variant plain --batch-size 16 --hyper.learning-rate 1e-3 --hyper.b1 0.9

Two networks of three layers each: `plain` (100-128-128-784, sigmoid) and `batch_norm` (100-256-512-1024-784, tanh). The
loss is the non-saturating one of the paper's section 3, the optimizer Adam.

Family: Generative adversarial networks
Source: Goodfellow et al. 2014
"""

from dataclasses import dataclass
from typing import Literal

from jaxgen.config import GanConfig, GanHyper, Norm, gan_options, players
from jaxgen.data import Config as DataConfig
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    variant: Literal["plain", "batch_norm"] = "batch_norm"
    """Which of the two networks."""
    norm: Norm | Literal["auto"] = "auto"
    """Normalisation in the discriminator; auto: batch in the variant batch_norm, none in plain."""
    batch_size: int = 128
    data: DataConfig = DataConfig(name="digits", size=28, channels=1)
    hyper: GanHyper = GanHyper(learning_rate=2e-4, b1=0.5)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    norm = {"plain": "none", "batch_norm": "batch"}[config.variant] if config.norm == "auto" else config.norm
    networks = players("mlp", norm, config, axis_name, variant=config.variant)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
