"""DnCNN: a stack of 3×3 convolutions that predicts the noise in an image.

Reference: Zhang, Zuo, Chen, Meng, Zhang 2017, section III.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal
from jax.typing import DTypeLike

from jaxgen.nn.layers import BatchNorm, Conv, at_least_float32


class Block(nn.Module):
    """Convolution, batch norm or a bias, ReLU."""

    batch_norm: bool
    axis_name: str | None
    dtype: DTypeLike | None
    param_dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, height, width, channel], the input's shape."""
        dtypes: dict[str, Any] = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        x = Conv(x.shape[-1], use_bias=not self.batch_norm, kernel_init=he_normal(), name="conv", **dtypes)(x)
        if self.batch_norm:
            x = BatchNorm(self.axis_name, name="norm", **dtypes)(x, train)
        return jax.nn.relu(x)


class DnCNN(nn.Module):
    """Denoises images of any height, width and number of channels.

    The first and the last convolution have a bias, those before batch norm none.

    Attributes:
      depth: convolutions: 17 for a known noise level, 20 for a blind denoiser.
      width: channels of every map.
      axis_name: the mapped axis over which batch norm is synchronised, or None.
      remat: whether the backward pass recomputes each block instead of storing its activations.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
      batch_norm: whether the middle convolutions are followed by it; published weights have it folded into biases.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    depth: int = 17
    width: int = 64
    axis_name: str | None = None
    remat: bool = False
    channels: int | None = None
    batch_norm: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @property
    def size_multiple(self) -> int:
        """Sides are padded to multiples of it, in pixels."""
        return 1

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
        dtypes: dict[str, Any] = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        block = nn.remat(Block, static_argnums=2) if self.remat else Block
        x = jax.nn.relu(Conv(self.width, kernel_init=he_normal(), name="first", **dtypes)(inputs))
        for i in range(self.depth - 2):
            x = block(self.batch_norm, self.axis_name, name=f"block_{i}", **dtypes)(x, train)
        return inputs[..., :channels] - at_least_float32(Conv(channels, name="last", **dtypes)(x))
