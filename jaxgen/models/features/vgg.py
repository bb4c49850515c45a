"""VGG-19 up to its last convolution, whose features a perceptual loss compares, with weights that are read from a file.

It is the network as torchvision publishes it: no batch norm, and images normalised by ImageNet's mean and deviation.
Reference: Simonyan and Zisserman 2015, table 1, column E.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.models.features.classifier import max_pool
from jaxgen.models.features.inception import chain

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and number of the 3×3 convolutions between two poolings."""
SMALLEST = 16


class VGG19(nn.Module):
    """The features φ₅,₄ of SRGAN: after the fourth convolution behind the fourth pooling, and after its activation.

    Modules are called convB_C, the C-th convolution of the B-th block. ESRGAN (Wang et al. 2018) takes the features
    before the activation.
    Reference: Ledig et al. 2017, section 2.2.1.
    """

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Returns float32[batch, ⌊height / 16⌋, ⌊width / 16⌋, 512], none negative.

        Args:
          images: float[batch, height, width, 1 or 3] in [0, 1]; one channel is taken for all three.
        Raises:
          ValueError: if the images have other channels.
          UsageError: if a side is shorter than 16 pixels, of which the poolings leave nothing.
        """
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise ValueError(f"images of shape {images.shape}: give [batch, height, width, 1 or 3]")
        height, width = images.shape[1:3]
        if min(height, width) < SMALLEST:
            raise UsageError(
                f"image size {height}x{width}: VGG-19 takes sides of at least {SMALLEST} pixels; "
                f"set data.size to {SMALLEST} or more"
            )
        x = (images.astype(jnp.float32) - jnp.array(MEAN)) / jnp.array(DEVIATION)
        for block, (channels, count) in enumerate(BLOCKS, 1):
            x = max_pool(x) if block > 1 else x
            x = chain(x, f"conv{block}", *[(channels, (3, 3))] * count)
        return x
