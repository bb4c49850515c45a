"""The network of Deep Image Prior, which maps noise to an image: its structure is the prior.

Reference: Ulyanov, Vedaldi, Lempitsky 2018, supplementary material, figure 21.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.degradations.resampling import resize
from jaxgen.nn.layers import Conv, InstanceNorm, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.padding import crop, pad_to_multiple

SLOPE = 0.2


class Hourglass(Network):
    """Maps noise to images in [0, 1] of the same size; an encoder-decoder with narrow skip connections.

    Halves the size by strides and doubles it by bilinear interpolation. Instance norm equals the paper's batch norm,
    since a batch is one image.

    Attributes:
      channels: of the image.
      width: channels of every level.
      levels: halvings.
      skip: channels of the skip connection at each level.
    """

    channels: int = 3
    width: int = 128
    levels: int = 5
    skip: int = 4

    size_multiple = property(lambda self: 2**self.levels)

    @nn.compact
    def __call__(self, noise: Array, train: bool) -> Array:
        """Returns images.

        Args:
          noise: float[batch, height, width, k], with any k.
          train: no effect: training and inference are the same.
        Returns:
          float[batch, height, width, channels] in [0, 1].
        """
        del train
        x = self.level(pad_to_multiple(noise, self.size_multiple), 0)
        x = Conv(self.channels, 1, name="image", **self.dtypes)(x)
        return crop(jax.nn.sigmoid(at_least_float32(x)), noise.shape[1:3])

    def level(self, x: Array, number: int) -> Array:
        """Returns the output of a level and all below it, of the input's size."""
        skip = self.block(x, self.skip, 1, 1, f"skip_{number}")
        below = self.block(x, self.width, 3, 2, f"shrink_{number}")
        below = self.block(below, self.width, 3, 1, f"down_{number}")
        if number + 1 < self.levels:
            below = self.level(below, number + 1)
        upsampled = resize(below, x.shape[1], x.shape[2], "bilinear")
        x = InstanceNorm(name=f"join_{number}", **self.dtypes)(jnp.concatenate([skip, upsampled], -1))
        x = self.block(x, self.width, 3, 1, f"up_{number}")
        return self.block(x, self.width, 1, 1, f"mix_{number}")

    def block(self, x: Array, width: int, side: int, stride: int, name: str) -> Array:
        """Returns x after a convolution, its norm and a leaky ReLU."""
        x = Conv(width, side, stride, name=name, **self.dtypes)(x)
        return jax.nn.leaky_relu(InstanceNorm(name=f"{name}_norm", **self.dtypes)(x), SLOPE)
