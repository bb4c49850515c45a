"""The residual generator and discriminator of R3GAN: no normalization; for a relativistic loss with R1 and R2.

The branch of a block is 1×1, grouped 3×3 and 1×1 convolutions, with LeakyReLU before the second and the third; the last
is initialized with zeros, so that every block starts as the identity. Between blocks, images are resampled with the
kernel [1, 2, 1]. The generator starts from learned 4×4 or 7×7 maps scaled by the latent vector; the discriminator ends
in a dot product with such a map per channel.
Reference: Huang et al. 2024, section 3 and table 2 (config E), at widths that double with every halving of the size.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import normal, variance_scaling, zeros

from jaxgen.nn.heads import DiscriminatorNetwork, discriminator_head
from jaxgen.nn.layers import Conv, Dense, GroupedConv, Maps, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.sizes import pyramid

EXPANSION = 2
"""Channels inside a block relative to its input."""
GROUP = 16
"""Channels of each group in grouped convolutions."""
MAX_WIDTH_RATIO = 8
"""Largest number of channels relative to `width`."""
SLOPE = 0.2
linear_init = variance_scaling(1.0, "fan_in", "normal")


def blend(x: Array, axis: int, shift: int) -> Array:
    """Averages each pixel with its neighbor before (shift −1) or after it (1), with repeated edges."""
    size = x.shape[axis]
    edge = jax.lax.slice_in_dim(x, *((0, 1) if shift < 0 else (size - 1, size)), axis=axis)
    inner = jax.lax.slice_in_dim(x, *((0, size - 1) if shift < 0 else (1, size)), axis=axis)
    return (x + jnp.concatenate([edge, inner] if shift < 0 else [inner, edge], axis)) / 2


def upsample(x: Array) -> Array:
    """Upsamples to float[b, 2h, 2w, c]: zero insertion, then the filter [1, 2, 1] / 2 along both axes."""
    for axis in (1, 2):
        x = jnp.stack([x, blend(x, axis, 1)], axis + 1)
        x = x.reshape(*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 2 :])
    return x


def downsample(x: Array) -> Array:
    """Downsamples to float[b, h / 2, w / 2, c]: the filter [1, 2, 1] / 4 along both axes, then decimation."""
    for axis in (1, 2):
        x = blend(blend(x, axis, -1), axis, 1)
        x = jax.lax.slice_in_dim(x, 0, x.shape[axis], 2, axis)
    return x


class Block(Network):
    """A residual block that keeps size and width.

    Attributes:
      depth: number of residual blocks in the network; initial weights are scaled by depth^(−1/4), so that the first
        updates change the output independently of the depth.
    Reference: Huang et al. 2024, section 3; Zhang, Dauphin, Ma 2019 (Fixup), section 3.
    """

    depth: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, channel]."""
        init = variance_scaling(2 / (1 + SLOPE**2) / math.sqrt(self.depth), "fan_in", "normal")
        features, inner = x.shape[-1], EXPANSION * x.shape[-1]
        groups = inner // GROUP if inner % GROUP == 0 else 1
        activate = lambda x: jax.nn.leaky_relu(x, SLOPE)
        branch = activate(Conv(inner, 1, kernel_init=init, name="conv_0", **self.dtypes)(x))
        branch = activate(GroupedConv(inner, groups=groups, kernel_init=init, name="conv_1", **self.dtypes)(branch))
        return x + Conv(features, 1, use_bias=False, kernel_init=zeros, name="conv_2", **self.dtypes)(branch)


def widths(width: int, doublings: int) -> list[int]:
    """Returns the channels at every size, from the image down to the smallest."""
    return [width * min(1 << i, MAX_WIDTH_RATIO) for i in range(doublings + 1)]


class Generator(Network):
    """Latent vectors to images: learned maps of 4×4 or 7×7 pixels scaled by the latent vector, upsampled in stages.

    Attributes:
      size: side of the images, pixels: 28, 32, 64 or another of `sizes.PYRAMIDS`.
      channels: of the images.
      width: channels at the image's size; they double with every halving of the size, up to eightfold.
      blocks: residual blocks at each size.
    """

    size: int = 32
    channels: int = 3
    width: int = 64
    blocks: int = 2

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] from float[batch, latent], not bounded to [-1, 1]."""
        del train
        base, doublings = pyramid(self.size, self.size, "r3gan")
        channels = widths(self.width, doublings)[::-1]
        depth = self.blocks * len(channels)
        basis = self.param("basis", normal(1.0), (base, base, channels[0]), self.param_dtype)
        scale = Dense(channels[0], use_bias=False, kernel_init=linear_init, name="project", **self.dtypes)(latent)
        x = scale[:, None, None] * basis.astype(scale.dtype)
        for i, features in enumerate(channels):
            if i:
                if x.shape[-1] != features:
                    x = Conv(features, 1, use_bias=False, kernel_init=linear_init, name=f"resize_{i}", **self.dtypes)(x)
                x = upsample(x)
            for j in range(self.blocks):
                x = Block(depth, name=f"block_{i}_{j}", **self.dtypes)(x)
        return at_least_float32(
            Conv(self.channels, 1, use_bias=False, kernel_init=linear_init, name="image", **self.dtypes)(x)
        )


class Discriminator(DiscriminatorNetwork):
    """Images to logits: blocks with downsampling to 4×4 or 7×7 pixels, then one weight per pixel and channel.

    Attributes:
      width: channels at the image's size; they double with every halving of the size, up to eightfold.
      blocks: residual blocks at each size.
    """

    width: int = 64
    blocks: int = 2

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1]."""
        base, halvings = pyramid(images.shape[1], images.shape[2], "r3gan")
        linear: dict[str, Any] = {"use_bias": False, "kernel_init": linear_init}
        channels = widths(self.width, halvings)
        depth = self.blocks * len(channels)
        x = Conv(channels[0], 1, name="image", **linear, **self.dtypes)(images)
        for i, features in enumerate(channels):
            if i:
                x = downsample(x)
                if x.shape[-1] != features:
                    x = Conv(features, 1, name=f"resize_{i}", **linear, **self.dtypes)(x)
            for j in range(self.blocks):
                x = Block(depth, name=f"block_{i}_{j}", **self.dtypes)(x)
        x = Maps(name="maps")(x)
        basis = self.param("basis", normal(1 / base), (base, base, channels[-1]), self.param_dtype)
        x = (at_least_float32(x) * basis.astype(jnp.promote_types(basis.dtype, jnp.float32))).sum((1, 2))
        return discriminator_head(self, x, train, labels, **linear)
