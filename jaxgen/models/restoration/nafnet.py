"""NAFNet: a U-Net of blocks without any activation function, in which halves of the channels multiply each other.

A block's channel attention averages over the whole image: every output depends on every input, and tiles are not exact.
Reference: Chen, Chu, Zhang, Sun 2022, sections 3 and 4.
"""

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax import Array
from jax.nn.initializers import lecun_normal, zeros

from jaxgen.models.restoration.restorer import Restorer
from jaxgen.nn.depthwise import depthwise_conv
from jaxgen.nn.layers import Conv, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.normalization import normalised
from jaxgen.nn.padding import crop, pad_to_multiple
from jaxgen.nn.pixel_shuffle import depth_to_space

EPSILON = 1e-6


class ChannelNorm(Network):
    """Normalisation of each pixel over its channels, with one scale and one bias per channel.

    Attributes:
      epsilon: added to the variance.
    Reference: Ba, Kiros, Hinton 2016, equation 3, the layer being the channels of a pixel.
    """

    epsilon: float = EPSILON

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, channel], each pixel with mean 0 and variance 1 before scale and bias."""
        return normalised(self, x, (-1,))


class DepthwiseConv(Network):
    """A 3×3 convolution of each channel by itself, and a bias."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, channel], the input's shape."""
        kernel = self.param("kernel", lecun_normal(in_axis=(0, 1), batch_axis=2), (3, 3, x.shape[-1]), self.param_dtype)
        bias = self.param("bias", zeros, x.shape[-1:], self.param_dtype)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        return depthwise_conv(x, kernel) + bias


def gate(x: Array) -> Array:
    """Returns the first half of the channels times the second."""
    first, second = jnp.split(x, 2, -1)
    return first * second


class Block(Network):
    """The nonlinear activation free block; it starts as the identity.

    Reference: Chen et al. 2022, figure 3d and equation 7.
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, channel], the input's shape."""
        width = x.shape[-1]
        beta, gamma = (self.param(name, zeros, (width,), self.param_dtype) for name in ("beta", "gamma"))
        branch = Conv(2 * width, 1, name="expand", **self.dtypes)(ChannelNorm(name="norm_0", **self.dtypes)(x))
        branch = gate(DepthwiseConv(name="depthwise", **self.dtypes)(branch))
        mean = at_least_float32(branch).mean((1, 2), keepdims=True)
        branch = branch * Conv(width, 1, name="attention", **self.dtypes)(mean)
        x = self.add(x, beta, Conv(width, 1, name="project", **self.dtypes)(branch))
        branch = Conv(2 * width, 1, name="feed_0", **self.dtypes)(ChannelNorm(name="norm_1", **self.dtypes)(x))
        return self.add(x, gamma, Conv(width, 1, name="feed_1", **self.dtypes)(gate(branch)))

    def add(self, x: Array, scale: Array, branch: Array) -> Array:
        """Returns x plus a branch times one number for each channel."""
        x, scale, branch = promote_dtype(x, scale, branch, dtype=self.dtype)
        return x + scale * branch


class NAFNet(Restorer):
    """Restores images of any height and width by adding a residual.

    Each level has half the sides of the one before and twice its channels, by a 2×2 convolution of stride 2 down and
    pixels from channels up.

    Attributes:
      width: channels of the finest level.
      encoder: blocks of each level of the encoder, from the finest.
      middle: blocks at the bottom.
      decoder: blocks of each level of the decoder, from the finest; as many levels as the encoder.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
    """

    width: int = 32
    encoder: tuple[int, ...] = (2, 2, 4, 8)
    middle: int = 12
    decoder: tuple[int, ...] = (2, 2, 2, 2)
    channels: int | None = None

    size_multiple = property(lambda self: 2 ** len(self.encoder))

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images; see `Restorer`.

        Raises:
          ValueError: if encoder and decoder differ in levels.
        """
        if len(self.encoder) != len(self.decoder):
            raise ValueError(
                f"an encoder of {len(self.encoder)} levels and a decoder of {len(self.decoder)}: give equal numbers"
            )
        channels = self.channels or inputs.shape[-1]
        x = Conv(self.width, name="head", **self.dtypes)(pad_to_multiple(inputs, self.size_multiple))
        skips = []
        for level, blocks in enumerate(self.encoder):
            skips.append(self.chain(x, blocks, f"down_{level}"))
            x = Conv(2 * x.shape[-1], 2, stride=2, name=f"shrink_{level}", **self.dtypes)(skips[-1])
        x = self.chain(x, self.middle, "middle")
        for level in reversed(range(len(skips))):
            x = Conv(2 * x.shape[-1], 1, use_bias=False, name=f"grow_{level}", **self.dtypes)(x)
            x = self.chain(skips[level] + depth_to_space(x, 2), self.decoder[level], f"up_{level}")
        residual = at_least_float32(Conv(channels, name="tail", **self.dtypes)(x))
        return inputs[..., :channels] + crop(residual, inputs.shape[1:3])

    def chain(self, x: Array, blocks: int, name: str) -> Array:
        """Returns x after blocks."""
        for i in range(blocks):
            x = Block(**self.dtypes, name=f"{name}_{i}")(x)
        return x
