"""`jaxgen decode`: reconstructs images from codes of a variational autoencoder."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from jaxgen.commands.options import CheckpointOptions


@dataclass(frozen=True, kw_only=True)
class Command(CheckpointOptions):
    """Reconstructs images from codes of a variational autoencoder.

    Examples:
        jaxgen decode runs/conv_vae codes.npz --out FOLDER
    """

    run: Positional[Path]
    """Run folder of the variational autoencoder that made the codes."""
    codes: Positional[Path]
    """File of codes, .npz."""
    out: Path
    """Folder for the images."""

    def __call__(self) -> None:
        """Writes the images."""
        from jaxgen.runs.codes import decode_file

        print(decode_file(self.run, self.codes, self.out, options=self.open_options()))
