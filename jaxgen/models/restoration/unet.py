"""The U-Net: two convolutions a level, max pooling down, transposed convolutions up, skip connections.

Convolutions are padded, so that the output has the input's size; the original's lost a border.
Reference: Ronneberger, Fischer, Brox 2015, section 2 and figure 1.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal

from jaxgen.models.features.classifier import max_pool
from jaxgen.models.restoration.restorer import Restorer
from jaxgen.nn.layers import Conv, ConvTranspose, at_least_float32
from jaxgen.nn.padding import crop, pad_to_multiple


class UNet(Restorer):
    """Restores images of any height and width.

    Attributes:
      widths: channels of each level, from the finest; each level has half the sides of the one before.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
      residual: whether the network's output is added to the image, or is the restored image itself.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    channels: int | None = None
    residual: bool = True

    size_multiple = property(lambda self: 2 ** (len(self.widths) - 1))

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images; see `Restorer`."""
        channels = self.channels or inputs.shape[-1]
        x, skips = pad_to_multiple(inputs, self.size_multiple), []
        for level, width in enumerate(self.widths[:-1]):
            skips.append(self.twice(x, width, f"down_{level}"))
            x = max_pool(skips[-1])
        x = self.twice(x, self.widths[-1], "bottom")
        for level in reversed(range(len(skips))):
            x = ConvTranspose(features=self.widths[level], kernel_size=2, name=f"grow_{level}", **self.dtypes)(x)
            x = self.twice(jnp.concatenate([skips[level], x], -1), self.widths[level], f"up_{level}")
        x = crop(at_least_float32(Conv(channels, 1, name="last", **self.dtypes)(x)), inputs.shape[1:3])
        return inputs[..., :channels] + x if self.residual else x

    def twice(self, x: Array, width: int, name: str) -> Array:
        """Returns x after two 3×3 convolutions, each with a ReLU."""
        for i in range(2):
            x = jax.nn.relu(Conv(width, kernel_init=he_normal(), name=f"{name}_{i}", **self.dtypes)(x))
        return x
