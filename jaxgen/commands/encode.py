"""`jaxgen encode`: compresses images into codes of a variational autoencoder."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from jaxgen.commands.options import CheckpointOptions
from jaxgen.fields import Positive


@dataclass(frozen=True, kw_only=True)
class Command(CheckpointOptions):
    """Compresses images into codes of a variational autoencoder.

    Examples:
        jaxgen encode runs/conv_vae IMAGES --out codes.npz
    """

    run: Positional[Path]
    """Run folder of a variational autoencoder."""
    images: Positional[tuple[Path, ...]]
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

        summary = encode_files(
            self.run,
            self.images,
            self.out,
            step=self.quantization_step,
            overwrite=self.overwrite,
            options=self.open_options(),
        )
        print(summary)
