"""An encoder and a decoder with a dense bottleneck: the whole image is compressed into a vector.

Convolutions of stride 2 halve the image down to 2×2 pixels, two dense layers compute the code, and the decoder
mirrors the encoder. The dense layers have one size of image: larger images are cut into squares of it.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal

from jaxgen.models.restoration.restorer import Restorer
from jaxgen.nn.layers import Conv, ConvTranspose, Dense, at_least_float32
from jaxgen.nn.padding import crop, pad_to_multiple

he_normal_transposed = he_normal(in_axis=-1, out_axis=-2)


def squares(images: Array, side: int) -> Array:
    """Returns images cut into squares, row by row, float[batch · rows · columns, side, side, channel].

    Args:
      images: float[batch, rows · side, columns · side, channel].
      side: in pixels.
    """
    batch, height, width, channels = images.shape
    x = images.reshape(batch, height // side, side, width // side, side, channels)
    return x.swapaxes(2, 3).reshape(-1, side, side, channels)


def joined(parts: Array, height: int, width: int) -> Array:
    """Returns images reassembled from their squares, float[batch, height, width, channel]; the inverse of `squares`."""
    side, channels = parts.shape[1], parts.shape[-1]
    x = parts.reshape(-1, height // side, width // side, side, side, channels)
    return x.swapaxes(2, 3).reshape(-1, height, width, channels)


class EncoderDecoder(Restorer):
    """Restores images of any height and width to [0, 1], each square of `size` pixels independently.

    Attributes:
      size: side of the squares in pixels, 2 · 2ⁿ for n widths.
      widths: channels of the encoder's convolutions; the decoder has them in reverse order.
      hidden: units of each dense layer; the second one is the code.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
    """

    size: int = 64
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    hidden: int = 4096
    channels: int | None = None

    size_multiple = property(lambda self: self.size)

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images in [0, 1]; see `Restorer`.

        Raises:
          ValueError: if the widths do not lead from `size` to 2 pixels.
        """
        del train
        if self.size != 2 ** (len(self.widths) + 1):
            raise ValueError(
                f"{len(self.widths)} convolutions of stride 2 on {self.size} pixels: give a size of "
                f"{2 ** (len(self.widths) + 1)}, or as many widths as lead to 2 pixels"
            )
        channels = self.channels or inputs.shape[-1]
        padded = pad_to_multiple(inputs, self.size)
        restored = self.decode(self.encode(squares(padded, self.size)), channels)
        return crop(joined(restored, *padded.shape[1:3]), inputs.shape[1:3])

    def encode(self, x: Array) -> Array:
        """Returns the codes of squares, float[n, hidden]."""
        layer: dict[str, Any] = {"kernel_init": he_normal()} | self.dtypes
        for i, width in enumerate(self.widths):
            x = jax.nn.relu(Conv(width, stride=2, name=f"down_{i}", **layer)(x))
        x = x.reshape(x.shape[0], -1)
        for i in range(2):
            x = jax.nn.relu(Dense(self.hidden, name=f"encode_{i}", **layer)(x))
        return x

    def decode(self, code: Array, channels: int) -> Array:
        """Returns squares from their codes, float[n, size, size, channels]."""
        x = jax.nn.relu(Dense(self.hidden, kernel_init=he_normal(), name="decode_0", **self.dtypes)(code))
        x = jax.nn.relu(Dense(4 * self.widths[-1], kernel_init=he_normal(), name="decode_1", **self.dtypes)(x))
        x = x.reshape(x.shape[0], 2, 2, self.widths[-1])
        for i, width in enumerate(reversed(self.widths[:-1])):
            x = jax.nn.relu(
                ConvTranspose(features=width, kernel_init=he_normal_transposed, name=f"up_{i}", **self.dtypes)(x)
            )
        return (jnp.tanh(at_least_float32(ConvTranspose(features=channels, name="image", **self.dtypes)(x))) + 1) / 2
