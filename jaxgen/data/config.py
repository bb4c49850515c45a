"""Which images, and how they come into a batch."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from typing_extensions import Doc

from jaxgen.data import sources
from jaxgen.data.splits import HoldOut
from jaxgen.errors import UsageError, unknown
from jaxgen.fields import (
    CHANGEABLE,
    MAX_INT,
    PER_PROCESS,
    NonNegative,
    NonNegativeInt,
    PositiveInt,
    Range,
    Seed,
    as_text,
    require_in_range,
)

Fit = Literal["resize", "pad", "crop"]
IN_FILES = ("folder", "pairs")
"""Sources whose images are files of their own."""


@dataclass(frozen=True)
class Config:
    """Which images, and how they come into a batch."""

    name: Annotated[str, Doc(f"Data source. {sources.describe()}.")] = "digits"
    dir: Annotated[str, PER_PROCESS, Doc(f"Path of the data. {sources.describe_folders()}.")] = ""
    target_dir: Annotated[str, PER_PROCESS] = ""
    """For pairs: the folder of target images, which have the names of the input images in dir."""
    seed: Seed = 0
    """Seed of the order of images, flips, crops and dequantization; independent of the run's seed."""
    split: str = "train"
    """train, test (never in train), all, or any split expression of TFDS, as in train[:10%]."""
    hold_out: HoldOut = "name"
    """Which images of a folder are its test split: a tenth by the hash of their names, so that new images never move
    one from train to test; or every tenth in the order of the names, as in runs of before."""
    skip_damaged: Annotated[bool, CHANGEABLE] = False
    """Leave out images of a folder that cannot be read; a run that met one goes on without it."""
    allow_changed: Annotated[bool, CHANGEABLE] = False
    """Resume a run although its images are others than before, and note it in the run's config.json."""
    hash_contents: Annotated[bool, CHANGEABLE] = False
    """Recognize the images of a folder by the hashes of their contents, and not by their times."""
    fraction: Annotated[float, Range(above=0, maximum=1)] = 1.0
    """Fraction of the split that is used, chosen by seed; a test split is always used in full."""
    size: Annotated[int | tuple[int, int], Range(minimum=0, maximum=MAX_INT)] = 0
    """Height and width of the images in pixels, one number for both, or two; 0: as stored."""
    white: Annotated[int, Range(minimum=1, maximum=65_535)] = 65_535
    """Value of white in 16-bit gray files and in arrays of 16-bit numbers: 4095 where 12 bits are stored in 16."""
    channels: int = 0
    """1 for gray, 3 for color, 0: as stored."""
    from_run: str = ""
    """Run folder of a generator, whose samples replace the training images, or of a restorer, which is applied to them.
    Held-out images stay as they are."""
    samples: PositiveInt = 10_000
    """Number of images that the generator of from_run draws."""
    with_real: bool = False
    """Train on the real images as well as on those that the generator of from_run draws."""
    classes: NonNegativeInt = 0
    """Number of classes: every image must have a label from 0 to classes - 1; 0: any labels, or none."""
    fit: Fit = "resize"
    """How images are brought to their size: resize (of the center square, antialiased), pad (with black), crop (at
    random)."""
    flip: bool = False
    """Flip images left to right with probability 1/2."""
    rotate: bool = False
    """Rotate square images by 0, 90, 180 or 270 degrees, each with probability 1/4."""
    dequantize: bool = False
    """Add uniform noise of one gray level, so that a continuous density can be fitted."""
    memory: Annotated[NonNegative, CHANGEABLE] = 1.0
    """Size in GiB up to which a data set is held in memory, on every device; a larger one is read during training."""

    @property
    def frame(self) -> tuple[int, int] | None:
        """Height and width that images are brought to; None: those that are stored."""
        if isinstance(self.size, tuple):
            return self.size
        return (self.size, self.size) if self.size else None


def check(config: Config) -> None:
    """Raises UsageError where a field has a value that no data set could have."""
    require_in_range(config)
    if config.frame and 0 in config.frame:
        raise UsageError(f"size {as_text(config.size)}: give two numbers of at least 1, or one")
    if config.channels not in {0, 1, 3}:
        raise UsageError(f"channels {config.channels}: give 1 (gray), 3 (color) or 0 (as stored)")
    if config.fit not in get_args(Fit):
        raise unknown("fit", config.fit, get_args(Fit))
    if config.target_dir and config.name != "pairs":
        raise UsageError(f"target_dir is the second folder of pairs, and the data set is {config.name}: leave it out")
    for option in ("skip_damaged", "hash_contents"):
        if getattr(config, option) and config.name not in IN_FILES:
            raise UsageError(f"{option} is for a folder of images, and the data set is {config.name}: leave it out")
    if config.white != Config.white and config.name not in {*IN_FILES, "npz"}:
        raise UsageError(f"white {config.white} is for 16-bit files and arrays, and the data set is {config.name}")
    if config.samples != Config.samples and not config.from_run:
        raise UsageError(f"samples {config.samples} is of a generator's run: set from_run to it, or leave samples out")
    if config.with_real and not config.from_run:
        raise UsageError("with_real adds real images to those of a generator's run: set from_run to it")
    if config.from_run and not sources.find(config.name).derivable:
        raise UsageError(f"from_run {config.from_run}: a run does not produce {config.name}; give another data.name")
