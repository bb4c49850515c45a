"""The residual generator and critic of WGAN-GP for small images.

Upsampling is nearest-neighbor, downsampling mean pooling. Shortcuts that change size or width are 1×1 convolutions,
computed at the smaller of both sizes: the result is the same at a quarter of the cost.
Reference: Gulrajani et al. 2017, appendix F, table 5 (CIFAR-10), with the initial weights and the first critic block of
the authors' code.
"""

import math
from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import variance_scaling

from jaxgen.nn.attention import SelfAttention, require_side
from jaxgen.nn.heads import DiscriminatorNetwork, discriminator_head
from jaxgen.nn.layers import BatchNorm, Conv, ConvMeanPool, Dense, Maps, UpsampleConv, at_least_float32, make_norm
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.sizes import pyramid

before_relu = variance_scaling(2.0, "fan_avg", "uniform")
linear_init = variance_scaling(1.0, "fan_avg", "uniform")


def upsample(x: Array) -> Array:
    """Upsamples by two, nearest-neighbor, float[b, h, w, c] -> float[b, 2h, 2w, c]."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


def mean_pool(x: Array) -> Array:
    """Applies 2×2 mean pooling, float[b, 2h, 2w, c] -> float[b, h, w, c]."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


class UpBlock(SynchronizedNetwork):
    """A residual block of the generator that upsamples by two and keeps the width."""

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, 2 · height, 2 · width, channel]."""
        features = x.shape[-1]
        shortcut = upsample(Conv(features, 1, kernel_init=linear_init, name="shortcut", **self.dtypes)(x))
        x = jax.nn.relu(BatchNorm(self.axis_name, name="norm_0", **self.dtypes)(x, train))
        x = UpsampleConv(features, kernel_init=before_relu, name="conv_0", **self.dtypes)(x)
        x = jax.nn.relu(BatchNorm(self.axis_name, name="norm_1", **self.dtypes)(x, train))
        return shortcut + Conv(features, kernel_init=before_relu, name="conv_1", **self.dtypes)(x)


class CriticBlock(SynchronizedNetwork):
    """A residual block of the critic.

    Attributes:
      features: channels of the output.
      first: whether the input is an image: no ReLU before the first convolution, and no norm in this block.
      down: whether the block downsamples by two.
      norm: see `Critic`.
    """

    features: int
    first: bool
    down: bool
    norm: str

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, height, width, features], height and width halved where `down`."""
        linear: dict[str, Any] = {"spectral": self.norm == "spectral"} | self.dtypes
        norm = make_norm("none" if self.first else self.norm, self.axis_name, **self.dtypes)
        shortcut = mean_pool(x) if self.down else x
        if self.down or x.shape[-1] != self.features:
            shortcut = Conv(self.features, 1, kernel_init=linear_init, name="shortcut", **linear)(shortcut, train)
        if not self.first:
            x = jax.nn.relu(norm(x, train, "norm_0"))
        x = Conv(self.features, kernel_init=before_relu, name="conv_0", **linear)(x, train)
        x = jax.nn.relu(norm(x, train, "norm_1"))
        last = ConvMeanPool if self.down else Conv
        return shortcut + last(self.features, kernel_init=before_relu, name="conv_1", **linear)(x, train)


class Generator(SynchronizedNetwork):
    """Latent vectors to images: a map of 4×4 or 7×7 pixels, upsampled by one residual block after the other.

    Attributes:
      size: side of the images, pixels: 28, 32, 64 or another of `sizes.PYRAMIDS`.
      channels: of the images.
      width: channels of every map.
      attention: side of the feature map with self-attention; 0: none.
      remat: whether the backward pass recomputes the activations of each block to save memory.
    """

    size: int = 32
    channels: int = 3
    width: int = 128
    attention: int = 0
    _: KW_ONLY
    remat: bool = False

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        base, doublings = pyramid(self.size, self.size, "resnet")
        linear: dict[str, Any] = {"kernel_init": linear_init} | self.dtypes
        block = nn.remat(UpBlock, static_argnums=2) if self.remat else UpBlock
        x = Dense(base * base * self.width, name="project", **linear)(latent).reshape(-1, base, base, self.width)
        require_side(self.attention, [base << i for i in range(1, doublings + 1)], "generator")
        for i in range(doublings):
            x = block(axis_name=self.axis_name, name=f"block_{i}", **self.dtypes)(x, train)
            if x.shape[1] == self.attention:
                x = SelfAttention(name="attention", **self.dtypes)(x, train)
        x = jax.nn.relu(BatchNorm(self.axis_name, name="norm", **self.dtypes)(x, train))
        return jnp.tanh(at_least_float32(Conv(self.channels, name="image", **linear)(x)))


class Critic(DiscriminatorNetwork):
    """Images to logits: blocks that halve the size down to at most 8, two more blocks, the mean over pixels.

    Attributes:
      norm: "none", "layer" or "spectral"; "batch" couples the examples of a batch and excludes a gradient penalty.
      width: channels of every map.
      attention: side of the feature map with self-attention; 0: none.
      remat: whether the backward pass recomputes the activations of each block to save memory.
    """

    norm: str = "none"
    width: int = 128
    attention: int = 0
    _: KW_ONLY
    remat: bool = False

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1]."""
        pyramid(images.shape[1], images.shape[2], "resnet")
        halvings = max(1, math.ceil(math.log2(images.shape[1] / 8)))
        fields: dict[str, Any] = {"norm": self.norm, "axis_name": self.axis_name, **self.dtypes}
        block = nn.remat(CriticBlock, static_argnums=2) if self.remat else CriticBlock
        require_side(self.attention, [images.shape[1] >> i for i in range(1, halvings + 1)], "discriminator")
        x = images
        for i in range(halvings + 2):
            x = block(self.width, first=i == 0, down=i < halvings, name=f"block_{i}", **fields)(x, train)
            if i < halvings and x.shape[1] == self.attention:
                x = SelfAttention(self.norm == "spectral", **self.dtypes, name="attention")(x, train)
        x = at_least_float32(Maps(name="maps")(jax.nn.relu(x))).mean((1, 2))
        linear: dict[str, Any] = {"spectral": self.norm == "spectral", "kernel_init": linear_init}
        return discriminator_head(self, x, train, labels, **linear)
