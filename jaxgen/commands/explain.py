"""`jaxgen explain`: saliency maps of a classifier or discriminator."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from jaxgen.commands.options import RunOptions
from jaxgen.fields import NonNegativeInt, PositiveInt


@dataclass(frozen=True, kw_only=True)
class Command(RunOptions):
    """Draws saliency maps and Grad-CAM of a classifier or discriminator.

    Examples:
        jaxgen explain runs/classifier
    """

    run: Positional[Path]
    """Run folder of a classifier or generative adversarial network."""
    images: Positional[tuple[Path, ...]] = ()
    """Images, or folders of images (default: held-out images of the run's data)."""
    count: PositiveInt = 16
    """Number of held-out images."""
    label: NonNegativeInt | None = None
    """Class that a conditional discriminator assumes (default: the class of each held-out image)."""
    out: Path | None = None
    """Image to write (default: in RUN/samples)."""

    def __call__(self) -> None:
        """Writes the image."""
        from jaxgen.runs.explain import explain_run

        options = {"count": self.count, "label": self.label, "out": self.out, "options": self.open_options()}
        print(explain_run(self.run, self.images, **options))
