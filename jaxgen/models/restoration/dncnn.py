"""DnCNN: a stack of 3×3 convolutions that predicts the noise in an image.

Reference: Zhang, Zuo, Chen, Meng, Zhang 2017, section III.
"""

from dataclasses import KW_ONLY

import jax
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal

from jaxgen.nn.layers import BatchNorm, Conv, at_least_float32
from jaxgen.nn.network import SynchronizedNetwork


class Block(SynchronizedNetwork):
    """Convolution, batch norm or a bias, ReLU."""

    batch_norm: bool

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, height, width, channel], the input's shape."""
        x = Conv(x.shape[-1], use_bias=not self.batch_norm, kernel_init=he_normal(), name="conv", **self.dtypes)(x)
        if self.batch_norm:
            x = BatchNorm(self.axis_name, name="norm", **self.dtypes)(x, train)
        return jax.nn.relu(x)


class DnCNN(SynchronizedNetwork):
    """Denoises images of any height, width and number of channels.

    The first and the last convolution have a bias, those before batch norm none.

    Attributes:
      depth: convolutions: 17 for a known noise level, 20 for a blind denoiser.
      width: channels of every map.
      remat: whether the backward pass recomputes each block instead of storing its activations.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
      batch_norm: whether the middle convolutions are followed by it; published weights have it folded into biases.
    """

    depth: int = 17
    width: int = 64
    _: KW_ONLY
    remat: bool = False
    channels: int | None = None
    batch_norm: bool = True

    size_multiple = 1

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns images minus their predicted noise.

        Args:
          inputs: float[batch, height, width, channels + k]: images in [0, 1] with noise added, then k channels of a
            condition, such as the noise's standard deviation at each pixel.
          train: whether batch norm uses the batch's statistics.
        Returns:
          float[batch, height, width, channels].
        """
        channels = self.channels or inputs.shape[-1]
        block = nn.remat(Block, static_argnums=2) if self.remat else Block
        x = jax.nn.relu(Conv(self.width, kernel_init=he_normal(), name="first", **self.dtypes)(inputs))
        for i in range(self.depth - 2):
            x = block(self.batch_norm, axis_name=self.axis_name, name=f"block_{i}", **self.dtypes)(x, train)
        return inputs[..., :channels] - at_least_float32(Conv(channels, name="last", **self.dtypes)(x))
