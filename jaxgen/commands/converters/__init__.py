"""Converters of published weights into .safetensors files of this package."""

from collections.abc import Callable
from pathlib import Path

from jaxgen.commands.converters import denoisers, inception, vgg

CONVERTERS: dict[str, Callable[[Path, Path], str]] = {
    "denoiser": denoisers.convert,
    "inception": inception.convert,
    "vgg": vgg.convert,
}
"""(source, target) -> sha256 of the target, by the name of the network."""
