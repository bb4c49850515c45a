"""`jaxgen fill`: fills a hole of an image with a trained generator."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from jaxgen.commands.options import CheckpointOptions, EvaluationSeed
from jaxgen.fields import Range
from jaxgen.restoration.masks import Color

MAX_STEPS = 1_000_000
"""Largest number of steps of the search, which has converged after thousands."""


@dataclass(frozen=True, kw_only=True)
class Command(CheckpointOptions):
    """Fills a hole of an image: searches the latent whose generated image agrees with the rest of it.

    Examples:
        jaxgen fill runs/dcgan image.png --mask mask.png
    """

    run: Positional[Path]
    """Run folder of a generator."""
    image: Positional[Path]
    """Image with a hole, of the size of the run's images."""
    mask: Path
    """Mask image: white where the image is to be filled, or a copy of it that is painted on there."""
    mask_color: Color | None = None
    """Color of the hole in the mask (default: white, and a hole of more than half is refused)."""
    seed: EvaluationSeed = 0
    """Seed of the latents that the search starts from."""
    steps: Annotated[int, Range(minimum=1, maximum=MAX_STEPS)] = 300
    """Steps of the search."""
    out: Path | None = None
    """File of the result (default: IMAGE-filled.png in the folder of the image)."""
    overwrite: bool = False
    """Replace a file that exists."""

    def __call__(self) -> None:
        """Writes the filled image."""
        from jaxgen.runs.fill import fill_file

        summary = fill_file(
            self.run,
            self.image,
            self.mask,
            mask_color=self.mask_color,
            out=self.out,
            overwrite=self.overwrite,
            seed=self.seed,
            steps=self.steps,
            options=self.open_options(),
        )
        print(summary)
