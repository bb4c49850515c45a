"""Metrics of an image, against its reference or alone, with the conventions of published restoration tables."""

import math
from collections.abc import Iterable
from functools import partial

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.losses.per_example import Images, matched_images
from jaxgen.losses.reconstruction import mse
from jaxgen.losses.similarity import smallest_side, ssim
from jaxgen.metrics import perceptual
from jaxgen.metrics.colors import to_gray, to_luma
from jaxgen.metrics.metric import Metric
from jaxgen.metrics.naturalness import NIQE_MIN_SIDE, niqe
from jaxgen.metrics.piqe import PIQE_MIN_SIDE, piqe
from jaxgen.metrics.structure import GMSD_MIN_SIDE, MS_SSIM_MIN_SIDE, gmsd, ms_ssim

__all__ = ["METRICS", "gmsd", "ms_ssim", "mse", "niqe", "piqe", "psnr", "psnr_b", "shave", "ssim", "to_gray", "to_luma"]

BLOCK = 8
"""Side of JPEG's blocks in pixels."""


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


def psnr_b(reference: Images, image: Images, max_value: float = 1.0) -> Array:
    """Computes PSNR-B, the peak signal-to-noise ratio with a penalty for block edges, of each channel, averaged.

    To a channel's mean squared error it adds its blocking effect factor: what the mean squared difference of neighbors
    exceeds, across the borders of 8×8 blocks, that of all other neighbors, times log 8 / log of the shorter side. The
    blocks begin at the top left corner, as JPEG's do: do not cut a border. The means are over all such neighbors, by
    their exact number, as in the JPEG tables of KAIR for sides that are multiples of 8.

    Args:
      reference: float[batch, height, width, channel], sides of at least 9 pixels.
      image: float[batch, height, width, channel], whose blocks count.
      max_value: range of the pixels, 1 for images in [0, 1].
    Returns:
      float[batch], dB; of one channel at most its PSNR, infinite for equal images without block edges.
    Raises:
      ValueError: if the shapes differ, the images are too small, or whole numbers have a max_value of 1.
    Reference: Yim and Bovik 2011.
    """
    x, y = matched_images(reference, image, max_value)
    height, width = y.shape[1:3]
    if min(height, width) <= BLOCK:
        raise ValueError(f"images of {height}×{width} pixels: PSNR-B needs at least {BLOCK + 1}×{BLOCK + 1}")
    sums, counts = [jnp.zeros(()), jnp.zeros(())], [0, 0]
    for axis in (1, 2):
        squares = (jnp.diff(y, axis=axis) ** 2).sum(3 - axis)
        at_border = np.arange(squares.shape[1]) % BLOCK == BLOCK - 1
        for i, chosen in enumerate((at_border, ~at_border)):
            sums[i] += squares[:, chosen].sum(1)
            counts[i] += int(chosen.sum()) * y.shape[3 - axis]
    across, inside = sums[0] / counts[0], sums[1] / counts[1]
    factor = math.log(BLOCK) / math.log(min(height, width)) * jnp.maximum(across - inside, 0)
    return (10 * jnp.log10(max_value**2 / (((x - y) ** 2).mean((1, 2)) + factor))).mean(-1)


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


optional = partial(Metric, is_default=False)
distance = partial(optional, direction="minimize", decimals=4, colors="rgb")
METRICS = {
    "mse": optional(mse, "minimize", 6, about="mean squared error, of values in [0, 1]"),
    "psnr": Metric(psnr, "maximize", 2, about="peak signal-to-noise ratio in dB; 3 dB more is half the squared error"),
    "ssim": Metric(
        ssim,
        "maximize",
        4,
        about="structural similarity: local means, contrasts and correlation",
        min_side=smallest_side(),
    ),
    "ms_ssim": optional(
        ms_ssim,
        "maximize",
        about=f"SSIM at five scales, each channel; sides of {MS_SSIM_MIN_SIDE} pixels or more",
        min_side=MS_SSIM_MIN_SIDE,
    ),
    "gmsd": optional(
        gmsd,
        "minimize",
        about="deviation of the similarity of gradients, of the luma (0 to 255) at half the size",
        min_side=GMSD_MIN_SIDE,
    ),
    "psnr_b": optional(
        psnr_b,
        "maximize",
        2,
        about="PSNR in dB with a penalty for the edges of 8×8 blocks, mean over channels",
        colors="rgb",
        min_side=BLOCK + 1,
    ),
    "niqe": optional(
        niqe,
        "minimize",
        2,
        about=f"no reference: distance of the luma's statistics from those of photographs; sides of {NIQE_MIN_SIDE} "
        "pixels or more",
        network="shipped or file",
        min_side=NIQE_MIN_SIDE,
        needs_reference=False,
    ),
    "piqe": optional(
        piqe,
        "minimize",
        2,
        about="no reference: share of the luma's 16×16 blocks that look blocky, blurred or noisy, 0 to 100",
        min_side=PIQE_MIN_SIDE,
        needs_reference=False,
    ),
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


def any_without_reference(names: Iterable[str]) -> bool:
    """Returns whether one of these metrics, by name, needs no reference: undamaged images have a score of their own."""
    return any(name in METRICS and not METRICS[name].needs_reference for name in names)


def default_metrics() -> tuple[str, ...]:
    """Returns the names of the metrics in tables of restored images where none are chosen."""
    return tuple(name for name, metric in METRICS.items() if metric.is_default)
