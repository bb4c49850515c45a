"""Where an image is damaged, found by a residual U-Net that works at half the size.

Reference: Zhang et al. 2021 (DRUNet: the residual U-Net).
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike

from jaxgen.models.restoration.residual_unet import ResidualUNet

PRIOR = -2.0
"""Logit of how likely a pixel is damaged before anything is seen of it: one in eight."""


class Detector(nn.Module):
    """How likely each pixel of images is damaged, as logits, for any height and width.

    Attributes:
      widths: channels of each level of the U-Net, from the finest.
      blocks: residual blocks of each of its levels.
      dtype: of the U-Net's computation; None promotes.
      param_dtype: of its parameters.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128)
    blocks: int = 2
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @property
    def multiple(self) -> int:
        """The network is the same at places that are so many pixels apart."""
        return ResidualUNet(self.widths, self.blocks).multiple

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns logits.

        Args:
          images: float[batch, height, width, channel] in [0, 1].
          train: without effect: training and inference are the same.
        Returns:
          float[batch, height, width, 1].
        """
        unet = ResidualUNet(self.widths, self.blocks, 1, dtype=self.dtype, param_dtype=self.param_dtype, name="unet")
        # The U-Net adds to its first channel, and has no biases: a constant there is both a prior and a bias.
        return unet(jnp.concatenate([jnp.full_like(images[..., :1], PRIOR), images], -1), train)
