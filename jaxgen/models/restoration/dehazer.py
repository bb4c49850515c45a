"""Dehazing by a gain and an offset for each pixel, which a U-Net estimates from a thumbnail.

Haze varies smoothly over an image, and its density can only be estimated from the whole image. A thumbnail is therefore
enough, and the U-Net's cost does not grow with the image. The result J = g · I + o has the form of the scattering
model's inverse, g = 1 / t and o = A(1 − 1 / t), with transmission t and airlight A; where it is ill-posed, the network
yields a smaller g.
Reference: He and Sun 2015, section 2.2 (an affine map estimated at low resolution, applied at full resolution); Gharbi,
Chen, Barron, Hasinoff, Durand 2017, section 3 (estimated by a network); Narasimhan and Nayar 2002 (the model).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.filters.windows import binomial
from jaxgen.models.restoration.unet import UNet
from jaxgen.nn.layers import at_least_float32
from jaxgen.nn.network import Network


class Dehazer(Network):
    """Dehazes images of any height and width.

    Attributes:
      widths: channels of each level of the U-Net on the thumbnail, from the finest.
      side: height and width of the thumbnail in pixels, to which an image of any shape is resized.
    """

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    side: int = 64

    size_multiple = 1
    max_untiled_pixels = 67_108_864
    """Pixels of the largest image that it is given; its memory grows with the image."""

    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns dehazed images.

        Args:
          inputs: float[batch, height, width, channel], hazy images in [0, 1].
          train: no effect: training and inference are the same.
        Returns:
          float[batch, height, width, channel]; values may leave [0, 1].
        """
        batch, height, width, channels = inputs.shape
        inputs = at_least_float32(inputs)
        thumbnail = jax.image.resize(inputs, (batch, self.side, self.side, channels), "linear")
        maps = self.maps(thumbnail, train)
        return self.apply_maps(inputs, jax.image.resize(maps, (batch, height, width, 2 * channels), "linear"))

    @nn.compact
    def maps(self, thumbnail: Array, train: bool) -> Array:
        """Returns the maps of hazy images.

        Args:
          thumbnail: float32[batch, side, side, channel], the images resized.
          train: see `__call__`.
        Returns:
          float32[batch, side, side, 2 · channel]: the logarithm of the gain, then the offset.
        """
        unet = UNet(self.widths, 2 * thumbnail.shape[-1], residual=False, **self.dtypes, name="unet")
        # Inputs in [-1, 1]: without normalization the network would first have to learn the mean. The two binomial
        # filters remove the checkerboard of transposed convolutions.
        return binomial(binomial(unet(2 * thumbnail - 1, train), 1), 2)

    @staticmethod
    def apply_maps(images: Array, maps: Array) -> Array:
        """Returns dehazed images, given their maps at each pixel, float32[batch, height, width, 2 · channel]."""
        gain, offset = jnp.split(maps, 2, -1)
        return jnp.exp(gain) * images + offset
