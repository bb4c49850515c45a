"""`jaxgen predict`: predicts the classes of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from jaxgen.commands.options import CheckpointOptions
from jaxgen.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Command(CheckpointOptions):
    """Predicts the classes of images by a trained classifier.

    Examples:
        jaxgen predict runs/classifier photo.png
        jaxgen predict runs/classifier FOLDER --out classes.csv
    """

    run: Positional[Path]
    """Run folder of a classifier."""
    pictures: Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PICTURES", help_behavior_hint="")]]
    """Images, or folders of images, which are searched with the folders in them."""
    out: Path | None = None
    """File to write, .csv, with the columns picture, class, probability (default: a table is printed)."""
    overwrite: bool = False
    """Replace a file that exists."""

    def __call__(self) -> None:
        """Prints the classes or writes the file."""
        from jaxgen.runs.classifying import predict_files

        if not self.pictures:
            raise UsageError("missing PICTURES: give images or folders, as in `jaxgen predict RUN photo.png`")
        if self.overwrite and not self.out:
            raise UsageError("--overwrite: it is for --out")
        options = self.open_options()
        for line in predict_files(self.run, self.pictures, self.out, overwrite=self.overwrite, options=options):
            print(line, flush=True)
