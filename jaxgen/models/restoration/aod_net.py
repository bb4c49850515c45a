"""AOD-Net: dehazing by one map that combines transmission and airlight, with 1,761 parameters.

Reference: Li, Peng, Wang, Xu, Feng 2017, section 3 and figure 2.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.nn.layers import Conv, at_least_float32
from jaxgen.nn.network import Network

SIDES = (1, 3, 5, 7, 3)
"""Sides of the five kernels."""
INPUTS = ((0,), (1,), (1, 2), (2, 3), (1, 2, 3, 4))
"""The layers that are concatenated into the input of each convolution; 0 is the image."""


class AODNet(Network):
    """Estimates the haze-free image J = ReLU(K · I − K + b) from a hazy image I of any height and width.

    Attributes:
      features: channels of the first four convolutions.
      bias: the constant b.
    Reference: Li et al. 2017, equation 4.
    """

    features: int = 3
    bias: float = 1.0

    size_multiple = 1

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns dehazed images.

        Args:
          inputs: float[batch, height, width, channel], hazy images in [0, 1].
          train: no effect: training and inference are the same.
        Returns:
          float[batch, height, width, channel], none negative.
        """
        del train
        layers = [inputs]
        for i, (side, sources) in enumerate(zip(SIDES, INPUTS, strict=True)):
            width = inputs.shape[-1] if i == len(SIDES) - 1 else self.features
            x = jnp.concatenate([layers[source] for source in sources], -1)
            layers.append(jax.nn.relu(Conv(width, side, name=f"conv_{i}", **self.dtypes)(x)))
        k = at_least_float32(layers[-1])
        return jax.nn.relu(k * inputs - k + self.bias)
