"""A U-Net of partial convolutions, which look at known pixels alone and make the known region grow layer by layer.

Reference: Liu, Reda, Shih, Wang, Tao, Catanzaro 2018, sections 3.1 and 3.2.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal, zeros
from jax.typing import DTypeLike

from jaxgen.nn.layers import BatchNorm, Conv, at_least_float32
from jaxgen.nn.padding import crop, pad_to_multiple

Known = tuple[Array, Array]
"""Features float[b, h, w, c] and where they are known, float[b, h, w, 1] of 0 and 1."""
SIDES = (7, 5, 5)
"""Sides of the first kernels on the way down; all others have 3."""
SLOPE = 0.2


def box_sum(x: Array, side: int, stride: int) -> Array:
    """Returns the sum over each window of a convolution, zeros beyond the border, float[b, ⌈h / s⌉, ⌈w / s⌉, c]."""
    pads = jax.lax.padtype_to_pads(x.shape, (1, side, side, 1), (1, stride, stride, 1), "SAME")
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, side, side, 1), (1, stride, stride, 1), pads)


class PartialConv(nn.Module):
    """A convolution over what is known, scaled up by what is not: Wᵀ(x ⊙ m) · k²c / Σm + b, 0 where nothing is known.

    Attributes:
      features: channels of the output.
      kernel_size: side of the kernel, pixels.
      stride: pixels between two outputs.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    Reference: Liu et al. 2018, equations 1 and 2.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, *groups: Known) -> Known:
        """Returns features, and where the window saw anything that is known.

        Args:
          *groups: features that are known at different places, taken as one after another in the channels.
        """
        conv = Conv(
            self.features,
            self.kernel_size,
            self.stride,
            use_bias=False,
            kernel_init=he_normal(),
            name="conv",
            dtype=self.dtype,
            param_dtype=self.param_dtype,
        )
        bias = self.param("bias", zeros, (self.features,), self.param_dtype)
        made = conv(jnp.concatenate([x * known.astype(x.dtype) for x, known in groups], -1))
        channels = sum(x.shape[-1] for x, _ in groups)
        weight = sum(x.shape[-1] * known for x, known in groups)
        seen = box_sum(at_least_float32(weight), self.kernel_size, self.stride)
        known = (seen > 0).astype(seen.dtype)
        scale = known * self.kernel_size**2 * channels / jnp.maximum(seen, 1)
        made = made * scale.astype(made.dtype) + bias.astype(made.dtype)
        return made * known.astype(made.dtype), known


def doubled(group: Known) -> Known:
    """Returns features and mask at twice the size, each pixel repeated."""
    return tuple(x.repeat(2, 1).repeat(2, 2) for x in group)


class PartialUNet(nn.Module):
    """Images with their holes filled, of any height and width; what is known stays as it is.

    Attributes:
      widths: channels of the levels, from half the size down.
      norm: whether the convolutions but the first and the last are followed by batch norm.
      channels: of the image; the input's next channel is the mask.
      axis_name: the mapped axis over whose devices batch statistics are averaged, or None.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512)
    norm: bool = True
    channels: int | None = None
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @property
    def multiple(self) -> int:
        """To a multiple of how many pixels sides are padded."""
        return 2 ** len(self.widths)

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns filled images.

        Args:
          inputs: float[batch, height, width, channels + 1]: images in [0, 1], whatever their holes show, then the
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
        x = pad_to_multiple(inputs, self.multiple)
        image, known = x[..., :channels], (x[..., channels:] <= 0).astype(inputs.dtype)
        levels = [(image, known)]
        for i, width in enumerate(self.widths):
            side = SIDES[i] if i < len(SIDES) else 3
            made = PartialConv(width, side, 2, name=f"down_{i}", **self.dtypes)(levels[-1])
            levels.append(self.finish(made, f"down_{i}", train, normed=i > 0, slope=0))
        group = levels.pop()
        for i in reversed(range(len(self.widths))):
            width = self.widths[i - 1] if i else channels
            group = PartialConv(width, name=f"up_{i}", **self.dtypes)(doubled(group), levels.pop())
            if i:
                group = self.finish(group, f"up_{i}", train, normed=True, slope=SLOPE)
        filled = crop(at_least_float32(group[0]), inputs.shape[1:3])
        hole = crop(1 - known, inputs.shape[1:3])
        return inputs[..., :channels] * (1 - hole) + filled * hole

    @property
    def dtypes(self) -> dict:
        """The precision of every layer."""
        return {"dtype": self.dtype, "param_dtype": self.param_dtype}

    def finish(self, group: Known, name: str, train: bool, *, normed: bool, slope: float) -> Known:
        """Returns features after norm and (leaky) ReLU; where nothing is known they stay 0 in the next layer's eyes."""
        x, known = group
        if normed and self.norm:
            x = BatchNorm(self.axis_name, name=f"{name}_norm", **self.dtypes)(x, train)
        return jnp.where(x > 0, x, slope * x), known
