"""`jaxgen fill`: fills a hole of an image with a trained generator."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from jaxgen.commands.options import EvaluationSeed, OpeningCommand
from jaxgen.fields import PositiveInt


@dataclass(frozen=True, kw_only=True)
class Command(OpeningCommand):
    """Fills a hole of an image: searches the latent whose generated image agrees with the rest of it.

    Examples:
        jaxgen fill runs/dcgan image.png --mask mask.png
    """

    function = "jaxgen.runs.fill:fill_file"
    run: Positional[Path]
    """Run folder of a generator."""
    image: Positional[Path]
    """Image with a hole, of the size of the run's images."""
    mask: Path
    """Mask image: white where the image is to be filled."""
    seed: EvaluationSeed = 0
    """Seed of the latents that the search starts from."""
    steps: PositiveInt = 300
    """Steps of the search."""
    out: Path | None = None
    """File of the result (default: IMAGE-filled.png in the folder of the image)."""
    overwrite: bool = False
    """Replace a file that exists."""
