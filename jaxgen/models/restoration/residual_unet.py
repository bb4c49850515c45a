"""A U-Net of residual blocks on pixel-unshuffled images.

No convolution has a bias and nothing is normalised, so the network is homogeneous: an image and its noise level map
scaled together give the result scaled, and a denoiser generalizes to noise levels that it was not trained for.

Reference: Zhang, Li, Zuo, Zhang, Van Gool, Timofte 2021 (DRUNet), section 3; Mohan et al. 2020 (no bias).
"""

from typing import Any

import jax
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal, lecun_normal, zeros

from jaxgen.models.restoration.restorer import Restorer
from jaxgen.nn.layers import Conv, ConvTranspose, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.padding import crop, pad_to_multiple
from jaxgen.nn.pixel_shuffle import depth_to_space, space_to_depth


class ResidualBlock(Network):
    """A residual block of two convolutions and a ReLU; initially the identity."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, channel], the input's shape."""
        fields: dict[str, Any] = {"use_bias": False, **self.dtypes}
        branch = jax.nn.relu(Conv(x.shape[-1], kernel_init=he_normal(), name="conv_0", **fields)(x))
        return x + Conv(x.shape[-1], kernel_init=zeros, name="conv_1", **fields)(branch)


class ResidualUNet(Restorer):
    """Restores images of any height and width by adding a residual.

    Each level adds its input to its output. The next level has half the sides, by a 2×2 convolution of stride 2 down
    and a transposed one up.

    Attributes:
      widths: channels of each level, from the finest.
      blocks: residual blocks of each level, in the encoder and again in the decoder; the coarsest level has them once.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
      factor: of the pixel unshuffle.
    """

    widths: tuple[int, ...] = (24, 48, 96)
    blocks: int = 2
    channels: int | None = None
    factor: int = 2

    size_multiple = property(lambda self: self.factor * 2 ** (len(self.widths) - 1))

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images; see `Restorer`."""
        channels = self.channels or inputs.shape[-1]
        fields: dict[str, Any] = {"use_bias": False, **self.dtypes}
        x = space_to_depth(pad_to_multiple(inputs, self.size_multiple), self.factor)
        x = self.level(Conv(self.widths[0], kernel_init=lecun_normal(), name="head", **fields)(x), 0, fields)
        x = Conv(channels * self.factor**2, kernel_init=zeros, name="tail", **fields)(x)
        residual = crop(depth_to_space(at_least_float32(x), self.factor), inputs.shape[1:3])
        return inputs[..., :channels] + residual

    def level(self, x: Array, number: int, fields: dict) -> Array:
        """Returns the output of a level and all below it."""
        result = self.chain(x, f"down_{number}")
        if number + 1 < len(self.widths):
            below = Conv(self.widths[number + 1], 2, stride=2, name=f"shrink_{number}", **fields)(result)
            below = self.level(below, number + 1, fields)
            result = ConvTranspose(features=self.widths[number], kernel_size=2, name=f"grow_{number}", **fields)(below)
            result = self.chain(result, f"up_{number}")
        return x + result

    def chain(self, x: Array, name: str) -> Array:
        """Returns x after residual blocks."""
        for i in range(self.blocks):
            x = ResidualBlock(**self.dtypes, name=f"{name}_{i}")(x)
        return x
