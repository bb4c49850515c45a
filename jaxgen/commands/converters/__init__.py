"""Converters of published weights into .safetensors files of this package."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxgen.commands.converters import denoisers, inception, niqe, perceptual, vgg, vit
from jaxgen.errors import UsageError


class Converter(NamedTuple):
    """A converter.

    Attributes:
      about: which files it takes, and what its result is for.
      convert: (source, target) -> sha256 of the target; with `heads` (source, target, heads).
      heads: the second file that it takes; empty: none.
    """

    about: str
    convert: Callable[..., str]
    heads: str = ""


CONVERTERS: dict[str, Converter] = {
    "denoiser": Converter(
        "DnCNN or FFDNet, from a PyTorch state dict (.pth, .pt, .safetensors) or a MatConvNet network (.mat)",
        denoisers.convert,
    ),
    "inception": Converter(
        "InceptionV3 of pytorch-fid (.pth), for jaxgen evaluate --extractor FILE", inception.convert
    ),
    "dinov2": Converter(
        "DINOv2's ViT-L/14 (.pth), or a smaller one, for FD-DINOv2 by jaxgen evaluate --extractor FILE",
        partial(vit.convert, vit.DINOV2),
    ),
    "clip": Converter(
        "CLIP's ViT-L/14 of 336 pixels by Hugging Face (.safetensors), or a smaller one, for CMMD by jaxgen evaluate "
        "--extractor FILE",
        partial(vit.convert, vit.CLIP),
    ),
    "vgg": Converter(
        "VGG-19 of torchvision (.pth, .pt, .safetensors), for --losses feature --features FILE", vgg.convert
    ),
    "lpips": Converter(
        "vgg16, alexnet or squeezenet1_1 of torchvision, for jaxgen evaluate --metrics lpips --metric-weights FILE",
        perceptual.convert_lpips,
        "vgg.pth, alex.pth or squeeze.pth of LPIPS, version 0.1",
    ),
    "dists": Converter(
        "vgg16 of torchvision, for jaxgen evaluate --metrics dists --metric-weights FILE",
        perceptual.convert_dists,
        "weights.pt of DISTS",
    ),
    "niqe": Converter(
        "parameters of NIQE, from modelparameters.mat of its authors or niqe_pris_params.npz of BasicSR, for jaxgen "
        "evaluate --metrics niqe --metric-weights FILE, instead of the shipped ones",
        niqe.convert,
    ),
}
"""The converters by the name of the network."""


def convert(network: str, source: Path, target: Path, heads: Path | None = None) -> str:
    """Converts published weights and returns the sha256 of the new file.

    Args:
      network: one of `CONVERTERS`.
      source: file of published weights.
      target: the file to write.
      heads: the second file of those that take one.
    Raises:
      UsageError: if the second file is missing or not taken, or a file does not fit.
    """
    converter = CONVERTERS[network]
    if heads is None and converter.heads:
        raise UsageError(f"{network} needs a second file: give --heads FILE, {converter.heads}")
    if heads is not None and not converter.heads:
        others = ", ".join(name for name, other in CONVERTERS.items() if other.heads)
        raise UsageError(f"--heads {heads}: it is for {others}, and not for {network}; leave it out")
    return converter.convert(source, target) if heads is None else converter.convert(source, target, heads)
