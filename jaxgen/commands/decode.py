"""`jaxgen decode`: reconstructs images from codes of a variational autoencoder."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from jaxgen.commands.options import OpeningCommand


@dataclass(frozen=True, kw_only=True)
class Command(OpeningCommand):
    """Reconstructs images from codes of a variational autoencoder.

    Examples:
        jaxgen decode runs/conv_vae codes.npz --out FOLDER
    """

    function = "jaxgen.runs.codes:decode_file"
    run: Positional[Path]
    """Run folder of the variational autoencoder that made the codes."""
    codes: Positional[Path]
    """File of codes, .npz."""
    out: Path
    """Folder for the images."""
