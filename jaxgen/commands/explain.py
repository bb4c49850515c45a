"""`jaxgen explain`: saliency maps of a classifier or discriminator."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from jaxgen.commands.options import OpeningCommand, flat
from jaxgen.fields import PositiveInt
from jaxgen.runs.open_options import RunOptions


@dataclass(frozen=True, kw_only=True)
class Command(OpeningCommand):
    """Draws saliency maps and Grad-CAM of a classifier or discriminator.

    Examples:
        jaxgen explain runs/classifier
    """

    function = "jaxgen.runs.explain:explain_run"
    options: Annotated[RunOptions, flat] = RunOptions()
    run: Positional[Path]
    """Run folder of a classifier or generative adversarial network."""
    images: Positional[tuple[Path, ...]] = ()
    """Images, or folders of images (default: held-out images of the run's data)."""
    count: PositiveInt = 16
    """Number of held-out images."""
    label: int | None = None
    """Class that a conditional discriminator assumes (default: the class of each held-out image)."""
    out: Path | None = None
    """Image to write (default: in RUN/samples)."""
