"""Restores images by a recurrent net over rows and columns.

    python experiments/rnn.py                                        # Elman's cell against noise
    python experiments/rnn.py --cell gru --hidden 96
    python experiments/rnn.py --damage scratches --conditioning --data.name folder --data.dir DIR

PSNR and SSIM are evaluated on held-out photographs, before and after restoration. The GRU is that of Cho et al., the
sweeps over rows and columns are ReNet's (Visin et al.).

Family: Restoration by recurrent networks
Source: Elman 1990; Cho et al. 2014; Visin et al. 2015
"""

from dataclasses import dataclass

from jaxgen.config import RestorationConfig, RestorationHyper, restoration_options, restorer_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt
from jaxgen.models.restoration.rnn import RNN, Cell
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    hidden: PositiveInt = 64
    """Size of the state in each of the two directions."""
    layers: PositiveInt = 2
    """Pairs of sweeps, along rows and then along columns."""
    cell: Cell = "elman"
    """Cell of the recurrence."""
    patch: PositiveInt = 2
    """Side of the squares of pixels that are one element of a sequence."""
    batch_size: int = 16
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3, clip_norm=1.0)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = RNN(config.hidden, config.layers, config.cell, config.patch, **restorer_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
