"""Haze taken away by maps that a U-Net finds on a thumbnail: for each place, by how much to multiply and what to add.

Haze changes slowly from place to place, and how much of it there is can only be told from all of a picture. So a small
picture of the whole is enough to find it, and its cost does not grow with the picture. The result J = g · I + o has the
form of the scattering model's inverse, g = 1 / t and o = A(1 − 1 / t); where that would be guesswork, a smaller g is
learned.
Reference: He and Sun 2015, section 2.2 (an affine map found at low resolution, applied at full); Gharbi, Chen, Barron,
Hasinoff, Durand 2017, section 3 (found by a network); Narasimhan and Nayar 2002 (the model).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike

from jaxgen.filters.windows import binomial
from jaxgen.models.restoration.unet import UNet
from jaxgen.nn.layers import at_least_float32


class Dehazer(nn.Module):
    """Scenes without haze, of any height and width.

    Attributes:
      widths: channels of each level of the U-Net on the thumbnail, from the finest.
      side: height and width of the thumbnail in pixels, to which a picture of any shape is brought.
      dtype: of the U-Net's computation; None promotes.
      param_dtype: of its parameters.
    """

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    side: int = 64
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    multiple = 1
    whole = 67_108_864
    """Pixels of the largest picture that goes through without tiles, which needs 2.7 GiB beside it."""

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns scenes without haze.

        Args:
          inputs: float[batch, height, width, channel], hazy pictures in [0, 1].
          train: without effect: training and inference are the same.
        Returns:
          float[batch, height, width, channel]; values may leave [0, 1].
        """
        inputs = at_least_float32(inputs)
        batch, height, width, channels = inputs.shape
        unet = UNet(
            self.widths, 2 * channels, residual=False, dtype=self.dtype, param_dtype=self.param_dtype, name="unet"
        )
        thumbnail = jax.image.resize(inputs, (batch, self.side, self.side, channels), "linear")
        # A network for [-1, 1]: without norm and from the thumbnail's brightness alone it would first learn the mean.
        # Takes away what alternates from pixel to pixel, as transposed convolutions leave it.
        maps = binomial(binomial(unet(2 * thumbnail - 1, train), 1), 2)
        gain, offset = jnp.split(jax.image.resize(maps, (batch, height, width, 2 * channels), "linear"), 2, -1)
        return jnp.exp(gain) * inputs + offset
