"""VGG-19 up to its last convolution, for perceptual losses, with weights from a file.

It is torchvision's network: no batch norm, and images normalized by ImageNet's mean and standard deviation.
Reference: Simonyan and Zisserman 2015, table 1, column E.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.models.features.classifier import max_pool
from jaxgen.models.features.inception import chain

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""(channels, number) of the 3×3 convolutions of each block."""
MIN_SIDE = 16
"""Smallest side of an image in pixels."""


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
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise ValueError(f"images of shape {images.shape}: give [batch, height, width, 1 or 3]")
        height, width = images.shape[1:3]
        if min(height, width) < MIN_SIDE:
            raise UsageError(
                f"image size {height}x{width}: VGG-19 takes sides of at least {MIN_SIDE} pixels; "
                f"set data.size to {MIN_SIDE} or more"
            )
        x = (images.astype(jnp.float32) - jnp.array(MEAN)) / jnp.array(STD)
        for block, (channels, count) in enumerate(BLOCKS, 1):
            x = max_pool(x) if block > 1 else x
            x = chain(x, f"conv{block}", *[(channels, (3, 3))] * count)
        return x
