"""Detection of damaged pixels by a residual U-Net at half the size.

Reference: Zhang et al. 2021 (DRUNet: the residual U-Net).
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.nn.network import Network

PRIOR = -2.0
"""Logit of the prior probability that a pixel is damaged, one in eight."""


class Detector(Network):
    """Estimates the logit of the probability that a pixel is damaged, for images of any height and width.

    Attributes:
      widths: channels of each level of the U-Net, from the finest.
      blocks: residual blocks of each of its levels.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128)
    blocks: int = 2

    size_multiple = property(lambda self: ResidualUNet(self.widths, self.blocks).size_multiple)

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns logits.

        Args:
          images: float[batch, height, width, channel] in [0, 1].
          train: no effect: training and inference are the same.
        Returns:
          float[batch, height, width, 1].
        """
        unet = ResidualUNet(self.widths, self.blocks, 1, **self.dtypes, name="unet")
        # The U-Net adds to its first channel and has no biases: the constant channel is the prior and acts as a bias.
        return unet(jnp.concatenate([jnp.full_like(images[..., :1], PRIOR), images], -1), train)
