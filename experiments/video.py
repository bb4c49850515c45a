"""Denoises video by a network that carries a state.

    python experiments/video.py                                      # photographs installed with the package, σ 25
    python experiments/video.py --no-carries                         # frame by frame, at the same cost
    python experiments/video.py --frames 8 --speed 2 --data.name folder --data.dir DIR --data.size 96

Clips are windows that pan over photographs. The noise of each frame is independent. PSNR of all frames and of the last
one, and the flicker (the change of the same point of the scene from frame to frame, in grey levels), are evaluated on
held-out photographs, before and after restoration. The recurrence is Elman's with convolutions for products, as in Shi
et al.; block matching (Jain and Jain) warps the state to the next frame.

Family: Restoration by recurrent networks
Source: Elman 1990; Shi et al. 2015; Jain and Jain 1981
Command: python experiments/video.py --data.name folder --data.dir BSDS500 --data.channels 1 --width 32 --blocks 3 \\
    --steps 2200 --schedule cosine --hyper.schedule-steps 2200
Score: PSNR from 20.18 to 28.02 dB on five frames, σ 25, one seed (frame by frame 27.90)
Time: 7 min on one core of two
"""

from dataclasses import dataclass

from jaxgen.config import RestorationHyper, UnconditionedConfig, compute_dtype, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.fields import NonNegativeInt, PositiveInt
from jaxgen.models.restoration.video import VideoRNN
from jaxgen.objectives.video import make_video
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(UnconditionedConfig):
    """Options of this experiment."""

    frames: PositiveInt = 5
    """Frames of a clip."""
    window: PositiveInt = 48
    """Height and width of a frame in pixels; data.size must contain its whole path."""
    speed: NonNegativeInt = 3
    """Largest motion of the window between frames along each axis, in pixels."""
    width: PositiveInt = 48
    """Channels of the state."""
    blocks: PositiveInt = 4
    """Residual blocks of each frame."""
    carries: bool = True
    """Pass the state from frame to frame."""
    batch_size: int = 8
    """Clips in one gradient, over all devices."""
    data: DataConfig = DataConfig(name="photos", size=64, channels=1, fit="crop", flip=True, rotate=True)
    hyper: RestorationHyper = RestorationHyper(learning_rate=1e-3)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    module = VideoRNN(config.width, config.blocks, config.carries, dtype=compute_dtype(config))
    clip = {"frames": config.frames, "window": config.window, "speed": config.speed}
    return make_video(module, **clip, **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
