"""Protocols of published restoration tables: rounding, color channels and borders before metrics are computed."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxgen.errors import unknown
from jaxgen.metrics.image import shave, table_metrics, to_luma


class Protocol(NamedTuple):
    """A protocol.

    Attributes:
      description: what is compared.
      channels: number of channels of the images.
      transform: images rounded to 8 bits -> the values that are compared.
    """

    description: str
    channels: int
    transform: Callable[[Array], Array]


PROTOCOLS = {
    "gray8": Protocol("gray, results rounded to 8 bits", 1, lambda images: images),
    "rgb8": Protocol("all of RGB, results rounded to 8 bits", 3, lambda images: images),
    "y601-shave4": Protocol(
        "BT.601 luma (16 to 235) of results rounded to 8 bits, 4 pixels cut at each side",
        3,
        lambda images: shave(to_luma(images), 4),
    ),
}
"""Protocols by name. Denoising tables use gray8 and rgb8, those of 4× super-resolution y601-shave4."""


def rounded(images: Array) -> Array:
    """Rounds images to 8 bits; the result is in [0, 1]."""
    return jnp.round(jnp.clip(images, 0, 1) * 255) / 255


def compare(name: str, reference: Array, image: Array) -> dict[str, Array]:
    """Computes the metrics of restoration tables by a protocol.

    Args:
      name: of the protocol, one of `PROTOCOLS`.
      reference: float[batch, height, width, channel] in [0, 1].
      image: float[batch, height, width, channel]. Both are clipped to [0, 1] and rounded to 8 bits.
    Returns:
      float[batch] of each metric in `table_metrics`, by name: psnr (dB), ssim.
    Raises:
      UsageError: if there is no protocol of that name.
      ValueError: if the shapes differ, the channels do not fit the protocol, or the images are too small for SSIM.
    """
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[name]
    if jnp.shape(reference)[-1] != protocol.channels:
        raise ValueError(f"images of {jnp.shape(reference)[-1]} channels: protocol {name} needs {protocol.channels}")
    reference, image = (protocol.transform(rounded(images)) for images in (reference, image))
    return {key: metric.function(reference, image) for key, metric in table_metrics().items()}
