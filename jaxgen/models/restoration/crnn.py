"""A small convolutional encoder and decoder with batch norm and dropout, applied once or recurrently.

The encoder has two stages of two convolutions and a pooling, the decoder two stages of a transposed convolution and a
convolution. The recurrent variant is the same network unrolled in time: its input at each turn is the damaged image and
its last estimate.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal

from jaxgen.models.features.classifier import max_pool
from jaxgen.nn.layers import BatchNorm, Conv, ConvTranspose, Dropout, at_least_float32
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.padding import crop, pad_to_multiple


class Pass(SynchronizedNetwork):
    """One pass through the network, in [0, 1].

    Attributes:
      widths: channels of each stage of the encoder; the decoder has them in reverse order.
      channels: of the image.
      dropout: fraction of each stage's activations that is dropped in training.
    """

    widths: tuple[int, ...]
    channels: int
    dropout: float

    @nn.compact
    def __call__(self, x: Array, keys: Array | None, train: bool) -> Array:
        """Returns float[batch, height, width, channels] of sides that are multiples of 2ⁿ for n stages."""
        for stage, width in enumerate(self.widths):
            for i in range(2):
                x = jax.nn.relu(self.normed(self.conv(x, width, f"down_{stage}_{i}"), f"down_{stage}_{i}", train))
            x = Dropout(self.dropout, name=f"down_{stage}_dropout")(max_pool(x), keys, train)
        for stage, width in enumerate(reversed(self.widths)):
            x = ConvTranspose(features=width, kernel_size=2, name=f"up_{stage}_grow", **self.dtypes)(x)
            x = self.conv(self.normed(x, f"up_{stage}_0", train), width, f"up_{stage}")
            x = jax.nn.relu(self.normed(x, f"up_{stage}_1", train))
            x = Dropout(self.dropout, name=f"up_{stage}_dropout")(x, keys, train)
        return jax.nn.sigmoid(at_least_float32(Conv(self.channels, name="image", **self.dtypes)(x)))

    def conv(self, x: Array, width: int, name: str) -> Array:
        """Returns x after a 3×3 convolution, whose bias the following norm would remove."""
        return Conv(width, use_bias=False, kernel_init=he_normal(), name=f"{name}_conv", **self.dtypes)(x)

    def normed(self, x: Array, name: str, train: bool) -> Array:
        """Returns x after batch norm."""
        return BatchNorm(self.axis_name, name=f"{name}_norm", **self.dtypes)(x, train)


class CRNN(SynchronizedNetwork):
    """Restored images in [0, 1], of any height and width.

    Attributes:
      turns: passes; from 2 on the network is recurrent, and its input contains its last estimate.
      widths: channels of each stage of the encoder; the decoder has them in reverse order.
      dropout: fraction of each stage's activations that is dropped in training.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
    """

    turns: int = 1
    widths: tuple[int, ...] = (32, 64)
    dropout: float = 0.5
    channels: int | None = None

    size_multiple = property(lambda self: 2 ** len(self.widths))

    @nn.compact
    def __call__(self, inputs: Array, train: bool, keys: Array | None = None) -> Array:
        """Returns restored images.

        Args:
          inputs: float[batch, height, width, channels + k]: damaged images in [0, 1], then k channels of a condition.
          train: whether batch statistics are computed and updated and activations dropped.
          keys: key[batch], one for each example, of dropout; may be None where `train` is False.
        Returns:
          float[batch, height, width, channels] in [0, 1].
        """
        channels = self.channels or inputs.shape[-1]
        padded = pad_to_multiple(inputs, self.size_multiple)
        network = Pass(self.widths, channels, self.dropout, axis_name=self.axis_name, **self.dtypes, name="pass")
        if self.turns == 1:
            return crop(network(padded, keys, train), inputs.shape[1:3])
        estimate = padded[..., :channels]
        for _ in range(self.turns):
            # The same units are dropped at every turn: the network does not change between turns.
            estimate = network(jnp.concatenate([padded, estimate], -1), keys, train)
        return crop(estimate, inputs.shape[1:3])
