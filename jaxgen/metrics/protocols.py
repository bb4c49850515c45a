"""How restored images are compared in published tables, by name: what is rounded, which channels count, what is cut."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxgen.errors import unknown
from jaxgen.metrics.image import psnr, shave, ssim, to_luma


class Protocol(NamedTuple):
    """One way to compare.

    Attributes:
      about: what is compared, in words.
      channels: that images must have.
      view: images at 256 grey levels -> what of them is compared.
    """

    about: str
    channels: int
    view: Callable[[Array], Array]


PROTOCOLS = {
    "gray8": Protocol("gray, results rounded to 8 bits", 1, lambda images: images),
    "rgb8": Protocol("all of RGB, results rounded to 8 bits", 3, lambda images: images),
    "y601-shave4": Protocol(
        "BT.601 luma (16 to 235) of results rounded to 8 bits, 4 pixels cut at each side",
        3,
        lambda images: shave(to_luma(images), 4),
    ),
}
"""Denoising tables are gray8 and rgb8, those of super-resolution by 4 are y601-shave4."""


def rounded(images: Array) -> Array:
    """Returns images as an 8-bit file would hold them, still in [0, 1]."""
    return jnp.round(jnp.clip(images, 0, 1) * 255) / 255


def compare(name: str, reference: Array, image: Array) -> dict[str, Array]:
    """Returns PSNR and SSIM of images by a protocol.

    Args:
      name: of the protocol, one of `PROTOCOLS`.
      reference: float[batch, height, width, channel] in [0, 1].
      image: float[batch, height, width, channel], cut to [0, 1] and rounded to 8 bits, as the reference is.
    Returns:
      {"psnr": float[batch] in dB, "ssim": float[batch]}.
    Raises:
      UsageError: if there is no protocol of that name.
      ValueError: if the shapes differ, there are not as many channels as it compares, or the images are too small.
    """
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[name]
    if jnp.shape(reference)[-1] != protocol.channels:
        raise ValueError(f"images of {jnp.shape(reference)[-1]} channels: protocol {name} takes {protocol.channels}")
    views = [protocol.view(rounded(images)) for images in (reference, image)]
    return {"psnr": psnr(*views), "ssim": ssim(*views)}
