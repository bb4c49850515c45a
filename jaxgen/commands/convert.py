"""`jaxgen convert`: converts published weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from jaxgen.commands.converters import CONVERTERS, convert

# A type checker knows no computed Literal.
if TYPE_CHECKING:
    Network = str
else:
    Network = Literal[*CONVERTERS]


def describe_networks() -> str:
    """Returns the help of NETWORK: the files of each."""
    return f"Network of the weights. {'; '.join(f'{name}: {entry.about}' for name, entry in CONVERTERS.items())}."


def describe_heads() -> str:
    """Returns the help of --heads: the second file of each network that takes one."""
    return "Second file. " + "; ".join(f"{name}: {entry.heads}" for name, entry in CONVERTERS.items() if entry.heads)


@dataclass(frozen=True, kw_only=True)
class Command:
    """Converts published weights of a network into a .safetensors file of this package.

    Examples:
        jaxgen convert vgg vgg19.pth vgg19.safetensors
        jaxgen convert lpips vgg16.pth lpips.safetensors --heads vgg.pth
    """

    network: Positional[Annotated[Network, tyro.conf.arg(help=describe_networks())]]
    source: Positional[Path]
    """File of published weights."""
    target: Positional[Path]
    """File to write, .safetensors."""
    heads: Annotated[Path | None, tyro.conf.arg(help=describe_heads())] = None

    def __call__(self) -> None:
        """Converts, and prints the new file's sha256."""
        print(f"{self.target}: sha256 {convert(self.network, self.source, self.target, self.heads)}")
