"""`jaxgen export`: writes a network as StableHLO."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from jaxgen.commands.options import OpeningCommand
from jaxgen.fields import PositiveInt


@dataclass(frozen=True, kw_only=True)
class Command(OpeningCommand):
    """Writes a generator or restorer as StableHLO, which JAX runs without this package.

    Examples:
        jaxgen export runs/wgan_gp --out digits.stablehlo
        jaxgen export denoise_gray --out denoise.stablehlo
    """

    function = "jaxgen.runs.export:export_network"
    source: Annotated[Positional[str], tyro.conf.arg(metavar="NETWORK")]
    """Run folder, shipped network, or .safetensors file."""
    out: Path
    """File to write, .stablehlo."""
    platforms: tuple[Literal["cpu", "cuda", "rocm", "tpu"], ...] = ("cpu", "cuda", "tpu")
    """Platforms that it runs on, present on this machine or not."""
    size: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width of a restorer's images (default: any)."""
    overwrite: bool = False
    """Replace a file that exists."""
