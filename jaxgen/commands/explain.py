"""`jaxgen explain`: saliency maps of a classifier or discriminator."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from jaxgen.commands.options import RunOptions
from jaxgen.fields import PositiveInt


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
    label: str | None = None
    """Class that a conditional discriminator assumes: its number, or its name in the data (default: the class of each
    held-out image)."""
    out: Path | None = None
    """Image to write (default: in RUN/samples)."""

    def __call__(self) -> None:
        """Writes the image."""
        from jaxgen.runs.data.class_names import find_label
        from jaxgen.runs.explain import explain_run

        label = find_label(self.run, self.label)
        options = {"count": self.count, "label": label, "out": self.out, "options": self.open_options()}
        print(explain_run(self.run, self.images, **options))
