"""Residual generator and discriminator without normalisation, for a relativistic loss under R1 and R2.

A block's branch is 1×1, grouped 3×3, 1×1 convolutions, LeakyReLU before the second and the third; the last starts at
zero, so that every block starts as the identity. Sizes change by the kernel [1, 2, 1] between blocks. The generator
starts from learned 4×4 or 7×7 maps scaled by the latent; the discriminator ends in one such map per channel.
Reference: Huang et al. 2024, section 3 and table 2 (config E), at widths that double with every halving of the size.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import normal, variance_scaling, zeros
from jax.typing import DTypeLike

from jaxgen.nn.heads import ComparesBatch, discriminator_head
from jaxgen.nn.layers import Conv, Dense, GroupedConv, Maps, at_least_float32
from jaxgen.nn.sizes import pyramid

EXPANSION = 2
GROUP = 16
LARGEST_RATIO = 8
SLOPE = 0.2
linear_init = variance_scaling(1.0, "fan_in", "normal")


def blend(x: Array, axis: int, shift: int) -> Array:
    """Returns the mean of each pixel and its neighbour before (shift −1) or after it (1), edges repeated."""
    size = x.shape[axis]
    edge = jax.lax.slice_in_dim(x, *((0, 1) if shift < 0 else (size - 1, size)), axis=axis)
    inner = jax.lax.slice_in_dim(x, *((0, size - 1) if shift < 0 else (1, size)), axis=axis)
    return (x + jnp.concatenate([edge, inner] if shift < 0 else [inner, edge], axis)) / 2


def upsample(x: Array) -> Array:
    """Returns float[b, 2h, 2w, c]: zeros between the pixels, filtered by [1, 2, 1] / 2 along both axes."""
    for axis in (1, 2):
        x = jnp.stack([x, blend(x, axis, 1)], axis + 1)
        x = x.reshape(*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 2 :])
    return x


def downsample(x: Array) -> Array:
    """Returns float[b, h / 2, w / 2, c]: filtered by [1, 2, 1] / 4 along both axes, every second pixel kept."""
    for axis in (1, 2):
        x = blend(blend(x, axis, -1), axis, 1)
        x = jax.lax.slice_in_dim(x, 0, x.shape[axis], 2, axis)
    return x


class Block(nn.Module):
    """A residual block: the same size, the same width.

    Attributes:
      depth: residual blocks in the whole network: initial weights shrink by depth^(−1/4), so that the first steps
        change the output as little as in a network of one block.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    Reference: Huang et al. 2024, section 3; Zhang, Dauphin, Ma 2019 (Fixup), section 3.
    """

    depth: int
    dtype: DTypeLike | None
    param_dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, channel]."""
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        init = variance_scaling(2 / (1 + SLOPE**2) / math.sqrt(self.depth), "fan_in", "normal")
        features, inner = x.shape[-1], EXPANSION * x.shape[-1]
        groups = inner // GROUP if inner % GROUP == 0 else 1
        activate = lambda x: jax.nn.leaky_relu(x, SLOPE)
        branch = activate(Conv(inner, 1, kernel_init=init, name="conv_0", **dtypes)(x))
        branch = activate(GroupedConv(inner, groups=groups, kernel_init=init, name="conv_1", **dtypes)(branch))
        return x + Conv(features, 1, use_bias=False, kernel_init=zeros, name="conv_2", **dtypes)(branch)


def widths(width: int, doublings: int) -> list[int]:
    """Returns the channels of every size, from that of the image down to the smallest."""
    return [width * min(1 << i, LARGEST_RATIO) for i in range(doublings + 1)]


class Generator(nn.Module):
    """Latent vectors to images: learned maps of 4×4 or 7×7 pixels scaled by the latent, doubled between blocks.

    Attributes:
      size: side of the images, pixels: 28, 32, 64 or another of `sizes.PYRAMIDS`.
      channels: of the images.
      width: channels next to the image; they double with every halving of the size, up to eightfold.
      blocks: residual blocks at each size.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    size: int = 32
    channels: int = 3
    width: int = 64
    blocks: int = 2
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] from float[batch, latent]; nothing bounds them to [-1, 1]."""
        del train
        base, doublings = pyramid(self.size, self.size, "r3gan")
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        channels = widths(self.width, doublings)[::-1]
        depth = self.blocks * len(channels)
        basis = self.param("basis", normal(1.0), (base, base, channels[0]), self.param_dtype)
        scale = Dense(channels[0], use_bias=False, kernel_init=linear_init, name="project", **dtypes)(latent)
        x = scale[:, None, None] * basis.astype(scale.dtype)
        for i, features in enumerate(channels):
            if i:
                if x.shape[-1] != features:
                    x = Conv(features, 1, use_bias=False, kernel_init=linear_init, name=f"resize_{i}", **dtypes)(x)
                x = upsample(x)
            for j in range(self.blocks):
                x = Block(depth, name=f"block_{i}_{j}", **dtypes)(x)
        return at_least_float32(
            Conv(self.channels, 1, use_bias=False, kernel_init=linear_init, name="image", **dtypes)(x)
        )


class Discriminator(ComparesBatch, nn.Module):
    """Images to logits: blocks, halved between them down to 4×4 or 7×7 pixels, and one weight per pixel and channel.

    Attributes:
      width: channels next to the image; they double with every halving of the size, up to eightfold.
      blocks: residual blocks at each size.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
      classes: number of classes that labels name; 0: no labels.
      kernels: of minibatch discrimination, which couples the examples of a batch; 0: none.
      axis_name: the mapped axis over which minibatch discrimination sees the whole batch, or None.
    """

    width: int = 64
    blocks: int = 2
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    classes: int = 0
    kernels: int = 0
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1].

        `labels` are int32[batch, images packed into one], where there are classes.
        """
        base, halvings = pyramid(*images.shape[1:3], "r3gan")
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        linear = {"use_bias": False, "kernel_init": linear_init}
        channels = widths(self.width, halvings)
        depth = self.blocks * len(channels)
        x = Conv(channels[0], 1, name="image", **linear, **dtypes)(images)
        for i, features in enumerate(channels):
            if i:
                x = downsample(x)
                if x.shape[-1] != features:
                    x = Conv(features, 1, name=f"resize_{i}", **linear, **dtypes)(x)
            for j in range(self.blocks):
                x = Block(depth, name=f"block_{i}_{j}", **dtypes)(x)
        x = Maps(name="maps")(x)
        basis = self.param("basis", normal(1 / base), (base, base, channels[-1]), self.param_dtype)
        x = (at_least_float32(x) * basis.astype(jnp.promote_types(basis.dtype, jnp.float32))).sum((1, 2))
        ends = {"classes": self.classes, "kernels": self.kernels, "axis_name": self.axis_name}
        return discriminator_head(self, x, train, labels, param_dtype=self.param_dtype, **ends, **linear)
