"""Hidden places of an image filled: roughly by a filter, and then by a U-Net that sees how they look.

To interpolate across a hidden place is to weigh its neighbours by which of them are known, a product that convolutions
and ReLUs learn badly: from pull and push alone a network did not reach the thin plate's filling of scratches.

What hides a place may let something of it through, as a stain does; so the network sees the damaged image too, beside
the rough filling to which it adds.
Reference: `filters.inpaint_relaxed` (the filter); Zhang et al. 2021 (DRUNet: the residual U-Net).
"""

import math

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike

from jaxgen.filters import dilate, inpaint_relaxed
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.nn.layers import at_least_float32

EDGE = 2
"""Pixels around a hidden place that may change with it: what hides it ends in a faint edge."""


class Mender(nn.Module):
    """Images without what hides them, of any height and width; away from hidden places they are as they were.

    Attributes:
      widths: channels of each level of the U-Net, from the finest.
      blocks: residual blocks of each of its levels.
      channels: of the image, the first ones of the input; the mask follows.
      levels: coarser images of the rough filling.
      dtype: of the U-Net's computation; None promotes.
      param_dtype: of its parameters.
    """

    widths: tuple[int, ...] = (24, 48, 96)
    blocks: int = 2
    channels: int = 3
    levels: int = 5
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @property
    def multiple(self) -> int:
        """The network is the same at places that are so many pixels apart."""
        return math.lcm(2**self.levels, ResidualUNet(self.widths, self.blocks).multiple)

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images.

        Args:
          inputs: float[batch, height, width, channels + 1]: damaged images in [0, 1], then 1 where they are hidden.
          train: without effect: training and inference are the same.
        Returns:
          float[batch, height, width, channels].
        """
        inputs = at_least_float32(inputs)
        filled = inpaint_relaxed(inputs[..., : self.channels], inputs[..., self.channels :], self.levels)
        unet = ResidualUNet(
            self.widths, self.blocks, self.channels, dtype=self.dtype, param_dtype=self.param_dtype, name="unet"
        )
        mended = unet(jnp.concatenate([filled, inputs], -1), train)
        return jnp.where(dilate(inputs[..., self.channels :], EDGE) > 0, mended, inputs[..., : self.channels])
