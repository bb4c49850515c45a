"""Generates images by SAGAN: residual self-attention networks.

    python experiments/sagan.py                                     # digits, 32×32
    python experiments/sagan.py --width 128 --data.size 32 --data.channels 3 --latent 128 \\
        --data.name cifar10 --data.dir DIR
    jaxgen sample runs/sagan --truncation 0.5                       # less diversity

Both networks have attention on maps of 16 pixels; the discriminator's kernels are divided by their largest singular
values. As in Zhang et al.: Adam with β (0, 0.9), 1e-4 and, for the discriminator, 4e-4; one update of each. --remedies
orthogonal_regularisation holds the generator's filters apart, so that truncated latents work (Brock et al., sections
3.1 and 3.2).

Family: Generative adversarial networks
Source: Zhang, Goodfellow, Metaxas, Odena 2019; Brock, Donahue, Simonyan 2019
Command: jaxgen train sagan --data.name mnist --data.dir DIR --data.size 32 --batch-size 32 \\
    --hyper.learning-rate 2e-4 --remedies orthogonal_regularisation --steps 5000
Score: cFID 35.7 on MNIST (floor 0.66), one seed
Time: 32 min on one shared core
"""

from dataclasses import dataclass

from jaxgen.config import GanConfig, GanHyper, Loss, Norm, gan_options, players
from jaxgen.data import Config as DataConfig
from jaxgen.fields import NonNegativeInt, PositiveInt
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(GanConfig):
    """Options of this experiment."""

    loss: Loss = "hinge"
    share_latents: bool = False
    norm: Norm = "spectral"
    """Normalisation in the discriminator."""
    width: PositiveInt = 32
    """Filters of every block in both networks."""
    attention: NonNegativeInt = 16
    """Side of the map, in both networks, that attends to itself; 0: none does."""
    data: DataConfig = DataConfig(name="digits", size=32, channels=1)
    hyper: GanHyper = GanHyper(learning_rate=1e-4, discriminator_scale=4.0, b1=0.0, b2=0.9)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    networks = players("resnet", config.norm, config, axis_name, width=config.width, attention=config.attention)
    return make_gan(**networks, **gan_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
