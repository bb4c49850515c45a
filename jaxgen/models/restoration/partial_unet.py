"""A U-Net of partial convolutions, which use known pixels alone; the known region grows from layer to layer.

Reference: Liu, Reda, Shih, Wang, Tao, Catanzaro 2018, sections 3.1 and 3.2.
"""

import functools
import operator

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal, zeros

from jaxgen.nn.layers import BatchNorm, Conv, at_least_float32
from jaxgen.nn.network import Network, SynchronizedNetwork
from jaxgen.nn.padding import crop, pad_to_multiple

Known = tuple[Array, Array]
"""Features float[b, h, w, c] and where they are known, float[b, h, w, 1] of 0 and 1."""
SIDES = (7, 5, 5)
"""Sides of the encoder's first kernels; all others have 3."""
SLOPE = 0.2


def box_sum(x: Array, side: int, stride: int) -> Array:
    """Returns the sum over each window of a convolution, zeros beyond the border, float[b, ⌈h / s⌉, ⌈w / s⌉, c]."""
    pads = jax.lax.padtype_to_pads(x.shape, (1, side, side, 1), (1, stride, stride, 1), "SAME")
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, side, side, 1), (1, stride, stride, 1), pads)


class PartialConv(Network):
    """A convolution over known pixels, normalized by their number: Wᵀ(x ⊙ m) · k²c / Σm + b, 0 where none is known.

    Attributes:
      features: channels of the output.
      kernel_size: side of the kernel, pixels.
      stride: pixels between two outputs.
    Reference: Liu et al. 2018, equations 1 and 2.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, *groups: Known) -> Known:
        """Returns features, and where the window contains a known pixel.

        Args:
          *groups: features with masks of their own, concatenated along the channels.
        """
        conv = Conv(
            self.features,
            self.kernel_size,
            self.stride,
            use_bias=False,
            kernel_init=he_normal(),
            name="conv",
            **self.dtypes,
        )
        bias = self.param("bias", zeros, (self.features,), self.param_dtype)
        y = conv(jnp.concatenate([x * known.astype(x.dtype) for x, known in groups], -1))
        channels = sum(x.shape[-1] for x, _ in groups)
        weight = functools.reduce(operator.add, (x.shape[-1] * known for x, known in groups))
        coverage = box_sum(at_least_float32(weight), self.kernel_size, self.stride)
        known = (coverage > 0).astype(coverage.dtype)
        scale = known * self.kernel_size**2 * channels / jnp.maximum(coverage, 1)
        y = y * scale.astype(y.dtype) + bias.astype(y.dtype)
        return y * known.astype(y.dtype), known


def doubled(group: Known) -> Known:
    """Returns features and mask at twice the size, each pixel repeated."""
    features, known = (x.repeat(2, 1).repeat(2, 2) for x in group)
    return features, known


class PartialUNet(SynchronizedNetwork):
    """Fills the holes of images of any height and width; known pixels do not change.

    Attributes:
      widths: channels of the levels, from half the size down.
      norm: whether the convolutions but the first and the last are followed by batch norm.
      channels: of the image; the input's next channel is the mask.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512)
    norm: bool = True
    channels: int | None = None

    size_multiple = property(lambda self: 2 ** len(self.widths))

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns filled images.

        Args:
          inputs: float[batch, height, width, channels + 1]: images in [0, 1], with any values in holes, then the
            mask, above 0 in a hole.
          train: whether batch statistics are computed and updated, or used as they stand.
        Returns:
          float[batch, height, width, channels].
        Raises:
          ValueError: if the input has another number of channels.
        """
        channels = inputs.shape[-1] - 1
        if self.channels not in (None, channels):
            raise ValueError(f"inputs of {inputs.shape[-1]} channels: give {self.channels} and one for the mask")
        x = pad_to_multiple(inputs, self.size_multiple)
        image, known = x[..., :channels], (x[..., channels:] <= 0).astype(inputs.dtype)
        levels = [(image, known)]
        for i, width in enumerate(self.widths):
            side = SIDES[i] if i < len(SIDES) else 3
            group = PartialConv(width, side, 2, name=f"down_{i}", **self.dtypes)(levels[-1])
            levels.append(self.finish(group, f"down_{i}", train, normed=i > 0, slope=0))
        group = levels.pop()
        for i in reversed(range(len(self.widths))):
            width = self.widths[i - 1] if i else channels
            group = PartialConv(width, name=f"up_{i}", **self.dtypes)(doubled(group), levels.pop())
            if i:
                group = self.finish(group, f"up_{i}", train, normed=True, slope=SLOPE)
        filled = crop(at_least_float32(group[0]), inputs.shape[1:3])
        hole = crop(1 - known, inputs.shape[1:3])
        return inputs[..., :channels] * (1 - hole) + filled * hole

    def finish(self, group: Known, name: str, train: bool, *, normed: bool, slope: float) -> Known:
        """Returns features after norm and (leaky) ReLU, with the same mask."""
        x, known = group
        if normed and self.norm:
            x = BatchNorm(self.axis_name, name=f"{name}_norm", **self.dtypes)(x, train)
        return jnp.where(x > 0, x, slope * x), known
