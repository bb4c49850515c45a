"""The residual networks of WGAN-GP with progressive growing.

A run at one size starts from the parameters of a run at half the size: blocks and heads are named by their size, so
that the larger networks contain the smaller ones. The new block is faded in: for its first steps the output blends the
new image with the upsampled old one, and the critic blends both input paths.
Reference: Karras, Aila, Laine, Lehtinen 2018, section 2 and figure 2; blocks of Gulrajani et al. 2017, appendix F.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.models.gan.resnet import CriticBlock, UpBlock, linear_init, mean_pool, upsample
from jaxgen.nn.attention import SelfAttention, require_side
from jaxgen.nn.heads import DiscriminatorNetwork, discriminator_head
from jaxgen.nn.layers import BatchNorm, Conv, Dense, Maps, at_least_float32
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.sizes import pyramid

NETWORK = "growing network"
GROWTH = "growth"
"""The variable collection of the training step."""
MIN_MAP_SIZE = 8
"""Side of the feature map of the critic's last blocks, pixels."""


class Fade(nn.Module):
    """The weight of the newest block: rises linearly from 0 to 1 over a number of training steps.

    `Growing.at_step` sets the training step, so that both networks fade alike, however often either is applied.

    Attributes:
      steps: number of training steps.
    """

    steps: int

    @nn.compact
    def __call__(self) -> Array:
        """Returns float32[] in [0, 1]."""
        step = self.variable(GROWTH, "step", lambda: jnp.zeros((), jnp.float32))
        return jnp.minimum(step.value / self.steps, 1)


class Growing:
    """What networks that fade a block in have in common."""

    @staticmethod
    def at_step(variables: Any, step: Array) -> Any:
        """Returns the variables {"params": …, "stats": …} of a network for a training step."""
        growth = variables["stats"].get(GROWTH, {})
        updated = {GROWTH: jax.tree.map(lambda x: step.astype(x.dtype), growth)} if growth else {}
        return variables | {"stats": variables["stats"] | updated}


def blend(weight: Array, new: Array, old: Array) -> Array:
    """Computes weight · new + (1 − weight) · old, in the dtype of `new`."""
    weight = weight.astype(new.dtype)
    return weight * new + (1 - weight) * old


class Generator(Growing, SynchronizedNetwork):
    """Latent vectors to images: a map of 4×4 or 7×7 pixels, upsampled by one residual block after the other.

    Attributes:
      size: side of the images, pixels: 28, 32, 64 or another of `sizes.PYRAMIDS`.
      channels: of the images.
      width: channels of every map.
      fade_steps: training steps over which the last block is faded in; 0: no fading.
      attention: side of the feature map with self-attention; 0: none.
    """

    size: int = 32
    channels: int = 3
    width: int = 128
    fade_steps: int = 0
    attention: int = 0

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        base, doublings = pyramid(self.size, self.size, NETWORK)
        sides = [base << i for i in range(1, doublings + 1)]
        require_side(self.attention, sides, NETWORK)
        x = Dense(base * base * self.width, kernel_init=linear_init, name="project", **self.dtypes)(latent)
        x = previous = x.reshape(-1, base, base, self.width)
        for side in sides:
            previous, x = x, UpBlock(axis_name=self.axis_name, name=f"block_{side}", **self.dtypes)(x, train)
            if side == self.attention:
                x = SelfAttention(name=f"attention_{side}", **self.dtypes)(x, train)
        image = self.image(x, train)
        if not self.fade_steps:
            return image
        weight = Fade(self.fade_steps, name=f"fade_{self.size}")()
        return blend(weight, image, upsample(self.image(previous, train)))

    def image(self, x: Array, train: bool) -> Array:
        """Converts a feature map to an image of its size, in at least float32."""
        side = x.shape[1]
        x = jax.nn.relu(BatchNorm(self.axis_name, name=f"norm_{side}", **self.dtypes)(x, train))
        image = Conv(self.channels, kernel_init=linear_init, name=f"image_{side}", **self.dtypes)(x)
        return jnp.tanh(at_least_float32(image))


class Critic(Growing, DiscriminatorNetwork):
    """Images to logits: blocks that halve the size down to at most 8, two more blocks, the mean over pixels.

    Attributes:
      norm: "none", "layer" or "spectral"; "batch" couples the examples of a batch and excludes a gradient penalty.
      width: channels of every map.
      fade_steps: training steps over which the first block is faded in; 0: no fading.
      attention: side of the feature map with self-attention; 0: none.
    """

    norm: str = "none"
    width: int = 128
    fade_steps: int = 0
    attention: int = 0

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1]."""
        pyramid(images.shape[1], images.shape[2], NETWORK)
        size = images.shape[1]
        sides = [size]
        while sides[-1] > MIN_MAP_SIZE:
            sides.append(sides[-1] // 2)
        require_side(self.attention, sides[1:], NETWORK)
        if self.fade_steps and len(sides) == 1:
            raise UsageError(
                f"fade_steps {self.fade_steps}: images of {size} pixels have no smaller size to fade from; leave it out"
            )
        x = self.map(images, train)
        for side in sides[:-1]:
            x = self.block(x, train, down=True, name=f"block_{side}")
            if side == size and self.fade_steps:
                weight = Fade(self.fade_steps, name=f"fade_{size}")()
                x = blend(weight, x, self.map(mean_pool(images), train))
            if side // 2 == self.attention:
                x = SelfAttention(self.norm == "spectral", name=f"attention_{side // 2}", **self.dtypes)(x, train)
        for i in range(2):
            x = self.block(x, train, down=False, name=f"last_{i}")
        x = at_least_float32(Maps(name="maps")(jax.nn.relu(x))).mean((1, 2))
        linear: dict[str, Any] = {"spectral": self.norm == "spectral", "kernel_init": linear_init}
        return discriminator_head(self, x, train, labels, **linear)

    def map(self, images: Array, train: bool) -> Array:
        """Converts images to a feature map of their size."""
        linear: dict[str, Any] = {"spectral": self.norm == "spectral", "kernel_init": linear_init, **self.dtypes}
        return Conv(self.width, 1, name=f"map_{images.shape[1]}", **linear)(images, train)

    def block(self, x: Array, train: bool, *, down: bool, name: str) -> Array:
        """Applies a residual block."""
        fields: dict[str, Any] = {"norm": self.norm, "axis_name": self.axis_name, **self.dtypes}
        return CriticBlock(self.width, first=False, down=down, name=name, **fields)(x, train)
