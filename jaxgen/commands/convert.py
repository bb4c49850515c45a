"""`jaxgen convert`: converts published weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from jaxgen.commands.converters import CONVERTERS

# A type checker knows no computed Literal.
if TYPE_CHECKING:
    Network = str
else:
    Network = Literal[*CONVERTERS]


@dataclass(frozen=True, kw_only=True)
class Command:
    """Converts published weights of a network into a .safetensors file of this package.

    denoiser: DnCNN or FFDNet, from a PyTorch state dict (.pth, .pt, .safetensors) or a MatConvNet network (.mat).
    inception: InceptionV3 of pytorch-fid (.pth), for `jaxgen evaluate --extractor FILE`.
    vgg: VGG-19 of torchvision (.pth, .pt, .safetensors), for --losses feature --features FILE.

    Examples:
        jaxgen convert vgg vgg19.pth vgg19.safetensors
    """

    network: Positional[Network]
    """Network of the weights."""
    source: Positional[Path]
    """File of published weights."""
    target: Positional[Path]
    """File to write, .safetensors."""

    def __call__(self) -> None:
        """Converts, and prints the new file's sha256."""
        print(f"{self.target}: sha256 {CONVERTERS[self.network](self.source, self.target)}")
