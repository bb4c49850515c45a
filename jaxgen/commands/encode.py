"""`jaxgen encode`: compresses images into codes of a variational autoencoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from jaxgen.commands.options import OpeningCommand
from jaxgen.fields import Positive


@dataclass(frozen=True, kw_only=True)
class Command(OpeningCommand):
    """Compresses images into codes of a variational autoencoder.

    Examples:
        jaxgen encode runs/conv_vae IMAGES --out codes.npz
    """

    function = "jaxgen.runs.codes:encode_files"
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
