"""The generator of pix2pix: a U-Net of 4×4 convolutions of stride 2, normalised, with dropout for noise.

Reference: Isola, Zhu, Zhou, Efros 2017, section 3.2.1 and appendix 6.1.1.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike

from jaxgen.nn.layers import Conv, ConvTranspose, Dropout, at_least_float32
from jaxgen.nn.normalization import make_norm
from jaxgen.nn.padding import crop, pad_to_multiple

SLOPE = 0.2
NOISY = 3


class Generator(nn.Module):
    """Pictures in [0, 1] made of others, of any height and width.

    Attributes:
      widths: channels of each convolution on the way down; the way up mirrors them.
      norm: "instance", "batch" or "none"; none on the first and on the innermost convolution.
      dropout: share of activations that is dropped in the first three layers of the way up, in training.
      channels: of the pictures made; None: as many as the input has.
      axis_name: the mapped axis over which batch norm is synchronised, or None.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512)
    norm: str = "instance"
    dropout: float = 0.5
    channels: int | None = None
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @property
    def size_multiple(self) -> int:
        """To a multiple of how many pixels sides are padded."""
        return 2 ** len(self.widths)

    @nn.compact
    def __call__(self, inputs: Array, train: bool, keys: Array | None = None) -> Array:
        """Returns pictures.

        Args:
          inputs: float[batch, height, width, channels + guides] in [0, 1].
          train: whether batch statistics are computed and updated and activations dropped.
          keys: key[batch], one for each example, of dropout; may be None where `train` is False.
        Returns:
          float[batch, height, width, channels] in [0, 1].
        """
        channels = self.channels or inputs.shape[-1]
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        norm = make_norm(self.norm, self.axis_name, **dtypes)
        x, kept = 2 * pad_to_multiple(inputs, self.size_multiple) - 1, []
        for i, width in enumerate(self.widths):
            x = Conv(width, 4, 2, name=f"down_{i}", **dtypes)(jax.nn.leaky_relu(x, SLOPE) if i else x)
            x = norm(x, train, f"down_{i}_norm") if 0 < i < len(self.widths) - 1 else x
            kept.append(x)
        kept.pop()
        for i, width in enumerate(reversed(self.widths[:-1])):
            x = ConvTranspose(width, name=f"up_{i}", **dtypes)(jax.nn.relu(x))
            x = norm(x, train, f"up_{i}_norm")
            if i < NOISY:
                x = Dropout(self.dropout, name=f"up_{i}_dropout")(x, keys, train)
            x = jnp.concatenate([x, kept.pop()], -1)
        x = jnp.tanh(at_least_float32(ConvTranspose(channels, name="image", **dtypes)(jax.nn.relu(x))))
        return crop((x + 1) / 2, inputs.shape[1:3])
