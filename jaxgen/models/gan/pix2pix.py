"""The generator of pix2pix: a U-Net of 4×4 convolutions of stride 2 with norms, and dropout as noise.

Reference: Isola, Zhu, Zhou, Efros 2017, section 3.2.1 and appendix 6.1.1.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.nn.layers import Conv, ConvTranspose, Dropout, at_least_float32
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.normalization import make_norm
from jaxgen.nn.padding import crop, pad_to_multiple

SLOPE = 0.2
DROPOUT_LAYERS = 3
"""Layers of the decoder with dropout."""


class Generator(SynchronizedNetwork):
    """Images to images in [0, 1], of any height and width.

    Attributes:
      widths: channels of each encoder layer; the decoder mirrors them.
      norm: "instance", "batch" or "none"; the first and the innermost layer have none.
      dropout: dropout rate of the first three decoder layers in training.
      channels: of the output; None: those of the input.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512)
    norm: str = "instance"
    dropout: float = 0.5
    channels: int | None = None

    size_multiple = property(lambda self: 2 ** len(self.widths))

    @nn.compact
    def __call__(self, inputs: Array, train: bool, keys: Array | None = None) -> Array:
        """Returns the output images.

        Args:
          inputs: float[batch, height, width, channels + conditioning] in [0, 1].
          train: whether batch statistics are updated and dropout is active.
          keys: key[batch] of dropout, one for each example; may be None unless `train`.
        Returns:
          float[batch, height, width, channels] in [0, 1].
        """
        channels = self.channels or inputs.shape[-1]
        norm = make_norm(self.norm, self.axis_name, **self.dtypes)
        x, skips = 2 * pad_to_multiple(inputs, self.size_multiple) - 1, []
        for i, width in enumerate(self.widths):
            x = Conv(width, 4, 2, name=f"down_{i}", **self.dtypes)(jax.nn.leaky_relu(x, SLOPE) if i else x)
            x = norm(x, train, f"down_{i}_norm") if 0 < i < len(self.widths) - 1 else x
            skips.append(x)
        skips.pop()
        for i, width in enumerate(reversed(self.widths[:-1])):
            x = ConvTranspose(features=width, name=f"up_{i}", **self.dtypes)(jax.nn.relu(x))
            x = norm(x, train, f"up_{i}_norm")
            if i < DROPOUT_LAYERS:
                x = Dropout(self.dropout, name=f"up_{i}_dropout")(x, keys, train)
            x = jnp.concatenate([x, skips.pop()], -1)
        x = jnp.tanh(at_least_float32(ConvTranspose(features=channels, name="image", **self.dtypes)(jax.nn.relu(x))))
        return crop((x + 1) / 2, (inputs.shape[1], inputs.shape[2]))
