"""Inpainting by a diffusion filter, refined by a U-Net.

Interpolation across a hole weights each neighbour by whether it is known, a product that convolutions and ReLUs learn
badly: starting from pull-push interpolation, a network alone did not reach the accuracy of thin-plate interpolation on
scratches.

Damage may be translucent, as stains are; so the input of the network contains the damaged image too.
Reference: `filters.inpaint_relaxed` (the filter); Zhang et al. 2021 (DRUNet: the residual U-Net).
"""

import math

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.filters import dilate, inpaint_relaxed
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.nn.layers import at_least_float32
from jaxgen.nn.network import Network

EDGE = 2
"""Pixels around the mask that may change too: damage has a faint edge."""


class Inpainter(Network):
    """Inpaints masked pixels of images of any height and width; other pixels do not change.

    Attributes:
      widths: channels of each level of the U-Net, from the finest.
      blocks: residual blocks of each of its levels.
      channels: of the image, the first ones of the input; the mask follows.
      levels: of the filter's image pyramid.
    """

    widths: tuple[int, ...] = (24, 48, 96)
    blocks: int = 2
    channels: int = 3
    levels: int = 5

    size_multiple = property(
        lambda self: math.lcm(2**self.levels, ResidualUNet(self.widths, self.blocks).size_multiple)
    )

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images.

        Args:
          inputs: float[batch, height, width, channels + 1]: damaged images in [0, 1], then the mask, 1 where damaged.
          train: no effect.
        Returns:
          float[batch, height, width, channels].
        """
        inputs = at_least_float32(inputs)
        damaged, mask = inputs[..., : self.channels], inputs[..., self.channels :]
        filled = inpaint_relaxed(damaged, mask, self.levels)
        unet = ResidualUNet(self.widths, self.blocks, self.channels, **self.dtypes, name="unet")
        restored = unet(jnp.concatenate([filled, inputs], -1), train)
        return jnp.where(dilate(mask, EDGE) > 0, restored, damaged)
