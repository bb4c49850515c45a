"""A small convolutional encoder and decoder with batch norm and dropout, applied once or fed its own estimate.

    python experiments/crnn.py                                       # against noise, one pass
    python experiments/crnn.py --turns 3                             # the recurrent variant
    python experiments/crnn.py --turns 3 --damage worn --data.name folder --data.dir DIR

PSNR and SSIM are told on photographs held out from training, beside those of the damaged ones.
Source: Ioffe, Szegedy 2015 and Srivastava et al. 2014 for its parts; Liang, Hu 2015 for convolutions unrolled in time.
"""

from dataclasses import dataclass

from jaxgen.config import RestorationConfig, RestorationHyper, compute_dtype, image_channels, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.models.restoration.crnn import CRNN
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    turns: int = 1
    """Passes; from 2 on the network sees its last estimate beside the damaged picture."""
    widths: tuple[int, ...] = (32, 64)
    """Filters of each stage; a stage halves the picture."""
    dropout: float = 0.5
    """Share of each stage's activations that is dropped in training."""
    batch_size: int = 16
    """Images that one gradient sees, over all devices."""
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = CRNN(
        turns=config.turns,
        widths=config.widths,
        dropout=config.dropout,
        channels=image_channels(config),
        axis_name=axis_name,
        dtype=compute_dtype(config),
    )
    return make_restoration(module, dropout=True, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
