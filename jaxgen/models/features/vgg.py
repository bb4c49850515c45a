"""VGG-16 and VGG-19 up to their last convolution, for perceptual metrics and losses, with weights from a file.

They are torchvision's networks: no batch norm, and images normalized by ImageNet's mean and standard deviation.
Reference: Simonyan and Zisserman 2015, table 1, columns D and E.
"""

from typing import Literal

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.models.features.classifier import max_pool
from jaxgen.models.features.inception import chain

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""(channels, number) of the 3×3 convolutions of each block of VGG-19."""
VGG16_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Those of VGG-16."""
MIN_SIDE = 16
"""Smallest side of an image in pixels."""
POOLED_EPSILON = 1e-12
"""Added to the mean square of `l2_pool` before the root."""


def normalize(images: Array, network: str, min_side: int, remedy: str) -> Array:
    """Normalizes images by ImageNet's mean and standard deviation, float32[batch, height, width, 3].

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1]; a single channel is repeated.
      network: its name, for errors.
      min_side: of an image that it takes, in pixels.
      remedy: what to do about a smaller one.
    Raises:
      ValueError: if the images have another number of channels.
      UsageError: if a side is smaller.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images of shape {images.shape}: give [batch, height, width, 1 or 3]")
    height, width = images.shape[1:3]
    if min(height, width) < min_side:
        raise UsageError(f"image size {height}x{width}: {network} takes sides of at least {min_side} pixels; {remedy}")
    return (images.astype(jnp.float32) - jnp.array(MEAN)) / jnp.array(STD)


def l2_pool(x: Array) -> Array:
    """Applies L2 pooling: the root of the squares' mean under a 3×3 Hann window of stride 2, padded with zeros.

    Args:
      x: float[batch, height, width, channel].
    Returns:
      float[batch, ⌈height / 2⌉, ⌈width / 2⌉, channel].
    Reference: Ding et al. 2020, equation 3; Hénaff and Simoncelli 2016.
    """
    squares = x * x
    for axis in (1, 2):
        padding = [(0, 0)] * squares.ndim
        padding[axis] = (1, 1)
        padded, side = jnp.pad(squares, padding), squares.shape[axis]
        before, here, after = (padded[(slice(None),) * axis + (slice(start, start + side, 2),)] for start in range(3))
        squares = before / 4 + here / 2 + after / 4
    return jnp.sqrt(squares + POOLED_EPSILON)


class VGG16(nn.Module):
    """The activations after the last convolution of each of VGG-16's five blocks.

    Modules are called convB_C, the C-th convolution of block B.

    Attributes:
      pool: "max" (the published network) or "l2" (DISTS), between blocks.
    """

    pool: Literal["max", "l2"] = "max"

    channels = tuple(channels for channels, _ in VGG16_BLOCKS)
    min_side = MIN_SIDE

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, ...]:
        """Returns five maps float32[batch, height, width, channel], nonnegative, from full size to a sixteenth.

        Args, Raises: those of `normalize`.
        """
        x = normalize(images, "VGG-16", MIN_SIDE, "give larger images")
        maps = []
        for block, (channels, count) in enumerate(VGG16_BLOCKS, 1):
            if block > 1:
                x = max_pool(x) if self.pool == "max" else l2_pool(x)
            x = chain(x, f"conv{block}", *[(channels, (3, 3))] * count)
            maps.append(x)
        return tuple(maps)


class VGG19(nn.Module):
    """The features φ₅,₄ of SRGAN: the fourth convolution after the fourth pooling, with its activation.

    Modules are called convB_C, the C-th convolution of block B. ESRGAN (Wang et al. 2018) uses the features before
    the activation.
    Reference: Ledig et al. 2017, section 2.2.1.
    """

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Returns float32[batch, ⌊height / 16⌋, ⌊width / 16⌋, 512], nonnegative.

        Args:
          images: float[batch, height, width, 1 or 3] in [0, 1]; a single channel is repeated.
        Raises:
          ValueError: if the images have another number of channels.
          UsageError: if a side is below 16 pixels, too small for four poolings.
        """
        x = normalize(images, "VGG-19", MIN_SIDE, f"set data.size to {MIN_SIDE} or more")
        for block, (channels, count) in enumerate(BLOCKS, 1):
            x = max_pool(x) if block > 1 else x
            x = chain(x, f"conv{block}", *[(channels, (3, 3))] * count)
        return x
