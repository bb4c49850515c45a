"""`jaxgen export`: writes a network as StableHLO."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from jaxgen.commands.options import CheckpointOptions
from jaxgen.fields import PositiveInt


@dataclass(frozen=True, kw_only=True)
class Command(CheckpointOptions):
    """Writes a generator, restorer or classifier as StableHLO, which JAX runs without this package.

    Examples:
        jaxgen export runs/wgan_gp --out digits.stablehlo
        jaxgen export denoise_gray --out denoise.stablehlo
    """

    network: Positional[str]
    """Run folder, shipped network, or .safetensors file."""
    out: Path
    """File to write, .stablehlo."""
    platforms: tuple[Literal["cpu", "cuda", "rocm", "tpu"], ...] = ("cpu", "cuda", "tpu")
    """Platforms that it runs on, present on this machine or not."""
    size: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width of a restorer's images (default: any)."""
    overwrite: bool = False
    """Replace a file that exists."""

    def __call__(self) -> None:
        """Writes the program."""
        from jaxgen.runs.export import export_network

        summary = export_network(
            self.network,
            self.out,
            platforms=self.platforms,
            size=self.size,
            overwrite=self.overwrite,
            options=self.open_options(),
        )
        print(summary)
