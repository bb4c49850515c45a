"""Restores images by an encoder and decoder with a dense code.

    python experiments/encoder_decoder.py --widths 16 32 64 128 256 --hidden 512   # a small one, for a CPU
    python experiments/encoder_decoder.py --damage holes --conditioning                    # inpainting with a mask
    python experiments/encoder_decoder.py --damage worn --data.name folder --data.dir DIR

The network has 84 million parameters for 64×64 pixels. The whole square is compressed into a vector of 4096 values, and
fine detail is lost: it is a baseline. Larger images are restored square by square. PSNR and SSIM are evaluated on
held-out photographs, before and after restoration. The code is that of Hinton and Salakhutdinov, the squared error
against the undamaged image that of Vincent et al.

Family: Restoration
Source: Hinton and Salakhutdinov 2006; Vincent et al. 2010
"""

from dataclasses import dataclass

from jaxgen.config import RestorationConfig, RestorationHyper, restoration_options, restorer_options, square_side
from jaxgen.data import Config as DataConfig
from jaxgen.fields import PositiveInt, Widths
from jaxgen.models.restoration.encoder_decoder import EncoderDecoder
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(RestorationConfig):
    """Options of this experiment."""

    widths: Widths = (64, 128, 256, 512, 1024)
    """Channels of the convolutions, each of which halves the size, down to 2 pixels."""
    hidden: PositiveInt = 4096
    """Units of each dense layer; the second one is the code."""
    batch_size: int = 32
    data: DataConfig = DataConfig(name="photos", size=64, channels=3, fit="crop", flip=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=2e-4)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = EncoderDecoder(square_side(config), config.widths, config.hidden, **restorer_options(config))
    return make_restoration(module, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
