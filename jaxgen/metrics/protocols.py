"""Protocols of published restoration tables: rounding, color channels and borders before metrics are computed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxgen.errors import unknown
from jaxgen.metrics.image import METRICS, default_metrics, shave, to_luma
from jaxgen.metrics.metric import Colors


class Protocol(NamedTuple):
    """A protocol.

    Attributes:
      description: what is compared.
      channels: number of channels of the images.
      transform: images rounded to 8 bits -> the values that are compared.
      border: pixels that it cuts at each side.
    """

    description: str
    channels: int
    transform: Callable[[Array], Array]
    border: int = 0


SHAVED = 4
"""Pixels cut at each side in tables of super-resolution by 4."""
PROTOCOLS = {
    "gray8": Protocol("gray, results rounded to 8 bits", 1, lambda images: images),
    "rgb8": Protocol("all of RGB, results rounded to 8 bits", 3, lambda images: images),
    "y601-shave4": Protocol(
        f"BT.601 luma (16 to 235) of results rounded to 8 bits, {SHAVED} pixels cut at each side",
        3,
        lambda images: shave(to_luma(images), SHAVED),
        SHAVED,
    ),
}
"""Protocols by name. Denoising tables use gray8 and rgb8, those of 4× super-resolution y601-shave4."""


def least_side(name: str, metrics: Sequence[str]) -> int:
    """Returns the smallest height and width in pixels of images that metrics can compare by a protocol."""
    cut = {"protocol": 2 * PROTOCOLS[name].border, "rgb": 0}
    return max(METRICS[metric].min_side + cut[METRICS[metric].colors] for metric in metrics)


def rounded(images: Array) -> Array:
    """Rounds images to 8 bits; the result is in [0, 1]."""
    return jnp.round(jnp.clip(images, 0, 1) * 255) / 255


def compare(name: str, reference: Array, image: Array, metrics: Sequence[str] | None = None) -> dict[str, Array]:
    """Computes metrics of restoration tables by a protocol.

    Args:
      name: of the protocol, one of `PROTOCOLS`.
      reference: float[batch, height, width, channel] in [0, 1].
      image: float[batch, height, width, channel]. Both are clipped to [0, 1] and rounded to 8 bits.
      metrics: names in `METRICS` of metrics without a network; None: `default_metrics`.
    Returns:
      float[batch] of each metric, by name: psnr (dB), ssim.
    Raises:
      UsageError: if there is no protocol of that name.
      ValueError: if the shapes differ, the channels do not fit the protocol, a metric needs a network, or the images
        are too small for SSIM.
    """
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    protocol, names = PROTOCOLS[name], default_metrics() if metrics is None else metrics
    if jnp.shape(reference)[-1] != protocol.channels:
        raise ValueError(f"images of {jnp.shape(reference)[-1]} channels: protocol {name} needs {protocol.channels}")
    if networks := [metric for metric in names if METRICS[metric].network]:
        raise ValueError(f"{networks[0]} needs a network: use jaxgen.evaluation.perceptual")
    chosen: set[Colors] = {METRICS[key].colors for key in names}
    pairs = {colors: [view(name, colors, images) for images in (reference, image)] for colors in chosen}
    return {key: METRICS[key].function(*arguments(key, *pairs[METRICS[key].colors])) for key in names}


def view(name: str, colors: Colors, images: Array) -> Array:
    """Returns what a metric compares of images, clipped and rounded to 8 bits; see `Metric.colors`."""
    return PROTOCOLS[name].transform(rounded(images)) if colors == "protocol" else rounded(images)


def arguments(metric: str, reference: Array, image: Array) -> tuple[Array, ...]:
    """Returns the images that a metric takes."""
    return (reference, image) if METRICS[metric].needs_reference else (image,)
