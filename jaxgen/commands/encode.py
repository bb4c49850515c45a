"""`jaxgen encode`: compresses images into codes of a variational autoencoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from jaxgen.commands.options import CheckpointOptions
from jaxgen.errors import UsageError
from jaxgen.fields import Positive


@dataclass(frozen=True, kw_only=True)
class Command(CheckpointOptions):
    """Compresses images into codes of a variational autoencoder.

    Examples:
        jaxgen encode runs/conv_vae IMAGES --out codes.npz
    """

    run: Positional[Path]
    """Run folder of a variational autoencoder."""
    images: Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="IMAGES", help_behavior_hint="")]]
    """Images, or folders of images."""
    out: Path
    """File of codes, .npz."""
    quantization_step: Positive = 0.25
    """Step that codes are rounded to, in standard deviations of the prior."""
    overwrite: bool = False
    """Replace a file that exists."""

    def __call__(self) -> None:
        """Writes the codes and prints their rate and distortion."""
        from jaxgen.runs.codes import encode_files

        if not self.images:
            raise UsageError(
                "missing IMAGES: give images or folders, as in `jaxgen encode RUN photo.png --out codes.npz`"
            )

        summary = encode_files(
            self.run,
            self.images,
            self.out,
            step=self.quantization_step,
            overwrite=self.overwrite,
            options=self.open_options(),
        )
        print(summary)
