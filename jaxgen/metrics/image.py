"""Metrics of an image against its reference, with the conventions of published restoration tables."""

from functools import partial

import jax.numpy as jnp
from jax import Array

from jaxgen.losses.per_example import Images, matched_images, promoted
from jaxgen.losses.reconstruction import mse
from jaxgen.losses.similarity import ssim
from jaxgen.metrics import perceptual
from jaxgen.metrics.metric import Metric

__all__ = ["METRICS", "mse", "psnr", "shave", "ssim", "to_luma"]


def psnr(reference: Images, image: Images, max_value: float = 1.0) -> Array:
    """Computes the peak signal-to-noise ratio.

    Args:
      reference: float[batch, height, width, channel].
      image: float[batch, height, width, channel].
      max_value: range of the pixels, 1 for images in [0, 1].
    Returns:
      float[batch], dB; infinite for equal images.
    Raises:
      ValueError: if the shapes differ, or whole numbers have a max_value of 1.
    """
    return 10 * jnp.log10(max_value**2 / mse(*matched_images(reference, image, max_value)))


def to_luma(images: Images) -> Array:
    """Converts RGB to BT.601 luma in the studio range (16 to 235 of 255), as in super-resolution tables.

    Args:
      images: float[batch, height, width, 3], RGB in [0, 1].
    Returns:
      float[batch, height, width, 1] in [16/255, 235/255].
    Raises:
      ValueError: if there are not three channels.
    Reference: Recommendation ITU-R BT.601, with the coefficients of MATLAB's rgb2ycbcr, which published tables use.
    """
    if jnp.shape(images)[-1] != 3:
        raise ValueError(f"images of shape {jnp.shape(images)}: give three channels, RGB")
    red, green, blue = jnp.split(promoted(images), 3, axis=-1)
    return (65.481 * red + 128.553 * green + 24.966 * blue + 16) / 255


def shave(images: Array, border: int) -> Array:
    """Crops a border, where a super-resolution network lacks context.

    Args:
      images: float[batch, height, width, channel].
      border: pixels cropped at each side; the scale factor in super-resolution tables.
    Returns:
      float[batch, height − 2·border, width − 2·border, channel].
    Raises:
      ValueError: if the border is negative or leaves nothing.
    """
    height, width = images.shape[1:3]
    if not 0 <= 2 * border < min(height, width):
        raise ValueError(f"a border of {border} pixels on images of {height}×{width}: it must leave at least one pixel")
    return images[:, border : height - border, border : width - border]


distance = partial(Metric, direction="minimize", decimals=4, is_default=False, colors="rgb")
METRICS = {
    "mse": Metric(mse, "minimize", 6, is_default=False, about="mean squared error, of values in [0, 1]"),
    "psnr": Metric(psnr, "maximize", 2, about="peak signal-to-noise ratio in dB; 3 dB more is half the squared error"),
    "ssim": Metric(ssim, "maximize", 4, about="structural similarity: local means, contrasts and correlation"),
    "lpips": distance(
        perceptual.lpips,
        about="distance of activations of a classifier (VGG-16, AlexNet or SqueezeNet), fitted to human judgements",
        network="file",
    ),
    "dists": distance(
        perceptual.dists,
        about="means and correlations of VGG-16's activations at full size: two samples of one texture are near",
        network="file",
    ),
    "detector_distance": distance(
        perceptual.cosine_distance,
        about="distance of activations of our shipped network `detect`, equally weighted, fitted to no judgement",
        network="shipped",
    ),
}
"""Every metric of an image by name. Add one here and it is in the tables of `jaxgen evaluate` and known to sweeps."""


def default_metrics() -> tuple[str, ...]:
    """Returns the names of the metrics in tables of restored images where none are chosen."""
    return tuple(name for name, metric in METRICS.items() if metric.is_default)
