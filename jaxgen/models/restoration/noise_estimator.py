"""Estimation of the noise level of an image."""

import jax
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal

from jaxgen.nn.layers import Conv, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.padding import pad_to_multiple
from jaxgen.nn.pixel_shuffle import space_to_depth

FACTOR = 2
UNIT = 25 / 255
"""Noise level at which the network's last layer is 1 before the final scaling."""


class NoiseEstimator(Network):
    """Estimates the standard deviation of white noise in images of one channel.

    Every pixel at half the size gives an estimate and a weight, and the result is the weighted mean: smooth regions,
    where noise is not confused with texture, can have larger weights.

    Attributes:
      depth: 3×3 convolutions, on the image at half its size.
      width: channels of every map.
    """

    depth: int = 5
    width: int = 32

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns the noise level of each image.

        Args:
          images: float[batch, height, width, 1] in [0, 1] with noise added.
          train: no effect: training and inference are the same.
        Returns:
          float[batch], standard deviation in units of the [0, 1] range.
        """
        x = space_to_depth(pad_to_multiple(images, FACTOR), FACTOR)
        for i in range(self.depth - 1):
            x = jax.nn.relu(Conv(self.width, kernel_init=he_normal(), name=f"conv_{i}", **self.dtypes)(x))
        x = at_least_float32(Conv(2, name="last", **self.dtypes)(x)).reshape(x.shape[0], -1, 2)
        weight = jax.nn.softmax(x[..., 1], axis=1)
        return UNIT * (weight * jax.nn.softplus(x[..., 0])).sum(1)
