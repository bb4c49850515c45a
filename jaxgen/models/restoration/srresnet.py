"""SRResNet, the generator of SRGAN: residual blocks on the small image, then pixel shuffles.

Reference: Ledig et al. 2017, section 2.1.1 and figure 4; Lim et al. 2017 (EDSR) for the variant without normalisation.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import constant
from jax.typing import DTypeLike

from jaxgen.degradations.resampling import upsample
from jaxgen.nn.layers import BatchNorm, Conv, at_least_float32
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.pixel_shuffle import depth_to_space


class PReLU(nn.Module):
    """x where it is positive, a · x elsewhere, with one trained slope a for each channel.

    Attributes:
      param_dtype: of the slopes.
    Reference: He, Zhang, Ren, Sun 2015, equation 1.
    """

    param_dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns the input's shape and dtype."""
        slope = self.param("slope", constant(0.25), x.shape[-1:], self.param_dtype).astype(x.dtype)
        return jnp.where(x > 0, x, slope * x)


class SRResNet(SynchronizedNetwork):
    """Upsamples images of any height and width by `scale`.

    Attributes:
      width: channels.
      blocks: residual blocks.
      scale: 1, 2, 4 or 8.
      norm: whether every convolution of a block is followed by batch normalisation, as in SRGAN.
      residual: whether the output is added to the bicubic interpolation, or is the large image itself.
    """

    width: int = 64
    blocks: int = 16
    scale: int = 4
    norm: bool = True
    residual: bool = False

    size_multiple = 1

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns large images.

        Args:
          inputs: float[batch, height, width, channel], small images in [0, 1].
          train: whether batch statistics are computed and updated, or used as they stand.
        Returns:
          float[batch, height · scale, width · scale, channel].
        Raises:
          ValueError: if the scale is no power of two.
        """
        doublings = self.scale.bit_length() - 1
        if self.scale < 1 or self.scale != 2**doublings:
            raise ValueError(f"scale {self.scale}: give 1, 2, 4 or 8")
        slope = lambda name: PReLU(self.param_dtype, name=name)
        first = x = slope("slope_head")(Conv(self.width, 9, name="head", **self.dtypes)(inputs))
        for i in range(self.blocks):
            branch = slope(f"slope_{i}")(self.filtered(x, f"block_{i}_0", train))
            x = x + self.filtered(branch, f"block_{i}_1", train)
        x = first + self.filtered(x, "body", train)
        for i in range(doublings):
            x = Conv(4 * self.width, name=f"grow_{i}", **self.dtypes)(x)
            x = slope(f"slope_grow_{i}")(depth_to_space(x, 2))
        x = at_least_float32(Conv(inputs.shape[-1], 9, name="tail", **self.dtypes)(x))
        return x + upsample(at_least_float32(inputs), self.scale) if self.residual else x

    def filtered(self, x: Array, name: str, train: bool) -> Array:
        """Returns x after a 3×3 convolution, and batch norm if `norm`."""
        x = Conv(self.width, use_bias=not self.norm, name=name, **self.dtypes)(x)
        return BatchNorm(self.axis_name, name=f"{name}_norm", **self.dtypes)(x, train) if self.norm else x
