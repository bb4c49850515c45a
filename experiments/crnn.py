"""Restores images by convolutions, once or recurrently.

    python experiments/crnn.py                                       # against noise, one pass
    python experiments/crnn.py --turns 3                             # the recurrent variant
    python experiments/crnn.py --turns 3 --damage worn --data.name folder --data.dir DIR

The network is a small encoder and decoder with batch norm (Ioffe and Szegedy) and dropout (Srivastava et al.); Liang
and Hu unroll convolutions in time. PSNR and SSIM are evaluated on held-out photographs, before and after restoration.

Family: Restoration by recurrent networks
Source: Liang and Hu 2015; Ioffe and Szegedy 2015; Srivastava et al. 2014
"""

from dataclasses import dataclass

from jaxgen.config import RestorationConfig, RestorationHyper, restoration_options, restorer_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import Decay, PositiveInt, Widths
from jaxgen.models.restoration.crnn import CRNN
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    turns: PositiveInt = 1
    """Passes; from 2 on the network is recurrent, and its input contains its last estimate."""
    widths: Widths = (32, 64)
    """Channels of each stage; a stage halves the size."""
    dropout: Decay = 0.5
    """Fraction of each stage's activations that is dropped in training."""
    batch_size: int = 16
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = CRNN(config.turns, config.widths, config.dropout, axis_name=axis_name, **restorer_options(config))
    return make_restoration(module, dropout=True, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
