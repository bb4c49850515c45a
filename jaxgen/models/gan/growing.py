"""The residual networks of WGAN-GP, grown from a small image to a large one.

A run at one size starts from the run at half of it: blocks and heads are named by the size at which they work, so that
all of the smaller networks is found again in the larger ones. The new block is faded in: for its first steps the image
is a mixture of the new one and of the enlarged old one, and the critic sees it by both ways in.
Reference: Karras, Aila, Laine, Lehtinen 2018, section 2 and figure 2; blocks of Gulrajani et al. 2017, appendix F.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import zeros
from jax.typing import DTypeLike

from jaxgen.errors import UsageError
from jaxgen.models.gan.resnet import CriticBlock, UpBlock, linear_init, mean_pool, upsample
from jaxgen.nn.attention import SelfAttention, require_side
from jaxgen.nn.heads import ComparesBatch, discriminator_head
from jaxgen.nn.layers import BatchNorm, Conv, Dense, Maps, at_least_float32
from jaxgen.nn.sizes import pyramid

NETWORK = "growing network"
GROWTH = "growth"
"""The collection that holds the training step."""
SMALLEST = 8
"""Side of the map on which the critic's last blocks work."""


class Fade(nn.Module):
    """How far the newest block counts: it rises evenly from 0 to 1 over so many training steps, and stays there.

    Which step it is the module is told by `at_step`: both players so fade together, however often either is applied.

    Attributes:
      steps: how many.
    """

    steps: int

    @nn.compact
    def __call__(self) -> Array:
        """Returns float32[] in [0, 1]."""
        step = self.variable(GROWTH, "step", lambda: zeros(None, (), jnp.float32))
        return jnp.minimum(step.value / self.steps, 1)


def at_step(variables: Any, step: Array) -> Any:
    """Returns {"params": …, "stats": …} of a network with its `Fade` modules at a training step."""
    growth = variables["stats"].get(GROWTH, {})
    told = {GROWTH: jax.tree.map(lambda x: step.astype(x.dtype), growth)} if growth else {}
    return variables | {"stats": variables["stats"] | told}


def mixed(share: Array, new: Array, old: Array) -> Array:
    """Returns share · new + (1 − share) · old, in the dtype of the new one."""
    share = share.astype(new.dtype)
    return share * new + (1 - share) * old


class Generator(nn.Module):
    """Latent vectors to images: a map of 4×4 or 7×7 pixels, doubled by one block after the other.

    Attributes:
      size: side of the images, pixels: 28, 32, 64 or another of `sizes.PYRAMIDS`.
      channels: of the images.
      width: channels of every map.
      fade_steps: training steps over which the last block is faded in; 0: it counts from the start.
      attention: side of the map that attends to itself; 0: none does.
      axis_name: the mapped axis over which batch norm is synchronised, or None.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    size: int = 32
    channels: int = 3
    width: int = 128
    fade_steps: int = 0
    attention: int = 0
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def at_step(self, variables: Any, step: Array) -> Any:
        """Returns the variables for a training step, see `at_step`."""
        return at_step(variables, step)

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        base, doublings = pyramid(self.size, self.size, NETWORK)
        sides = [base << i for i in range(1, doublings + 1)]
        require_side(self.attention, sides, NETWORK)
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        x = Dense(base * base * self.width, kernel_init=linear_init, name="project", **dtypes)(latent)
        x = before = x.reshape(-1, base, base, self.width)
        for side in sides:
            before, x = x, UpBlock(self.axis_name, name=f"block_{side}", **dtypes)(x, train)
            if side == self.attention:
                x = SelfAttention(name=f"attention_{side}", **dtypes)(x, train)
        image = self.image(x, train)
        if not self.fade_steps:
            return image
        share = Fade(self.fade_steps, name=f"fade_{self.size}")()
        return mixed(share, image, upsample(self.image(before, train)))

    def image(self, x: Array, train: bool) -> Array:
        """Returns a map as an image of its size, in at least float32."""
        side, dtypes = x.shape[1], {"dtype": self.dtype, "param_dtype": self.param_dtype}
        x = jax.nn.relu(BatchNorm(self.axis_name, name=f"norm_{side}", **dtypes)(x, train))
        image = Conv(self.channels, kernel_init=linear_init, name=f"image_{side}", **dtypes)(x)
        return jnp.tanh(at_least_float32(image))


class Critic(ComparesBatch, nn.Module):
    """Images to logits: blocks that halve the size until it is at most 8, two that keep it, the mean over pixels.

    Attributes:
      norm: "none", "layer" or "spectral"; "batch" couples the examples of a batch and excludes a gradient penalty.
      width: channels of every map.
      fade_steps: training steps over which the first block is faded in; 0: it counts from the start.
      attention: side of the map that attends to itself; 0: none does.
      axis_name: the mapped axis over which batch norm is synchronised, or None.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
      classes: number of classes that labels name; 0: no labels.
      kernels: of minibatch discrimination, which couples the examples of a batch; 0: none.
    """

    norm: str = "none"
    width: int = 128
    fade_steps: int = 0
    attention: int = 0
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    classes: int = 0
    kernels: int = 0

    def at_step(self, variables: Any, step: Array) -> Any:
        """Returns the variables for a training step, see `at_step`."""
        return at_step(variables, step)

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1].

        `labels` are int32[batch, images packed into one], where there are classes.
        """
        pyramid(*images.shape[1:3], NETWORK)
        size = images.shape[1]
        sides = [size]
        while sides[-1] > SMALLEST:
            sides.append(sides[-1] // 2)
        require_side(self.attention, sides[1:], NETWORK)
        if self.fade_steps and len(sides) == 1:
            raise UsageError(f"fade_steps {self.fade_steps}: images of {size} pixels are the first size; leave it out")
        x = self.map(images, train)
        for side in sides[:-1]:
            x = self.block(x, train, down=True, name=f"block_{side}")
            if side == size and self.fade_steps:
                share = Fade(self.fade_steps, name=f"fade_{size}")()
                x = mixed(share, x, self.map(mean_pool(images), train))
            if side // 2 == self.attention:
                x = SelfAttention(self.norm == "spectral", name=f"attention_{side // 2}", **self.dtypes)(x, train)
        for i in range(2):
            x = self.block(x, train, down=False, name=f"last_{i}")
        x = at_least_float32(Maps(name="maps")(jax.nn.relu(x))).mean((1, 2))
        ends = {"classes": self.classes, "kernels": self.kernels, "axis_name": self.axis_name}
        linear = {"spectral": self.norm == "spectral", "kernel_init": linear_init, "param_dtype": self.param_dtype}
        return discriminator_head(self, x, train, labels, **ends, **linear)

    @property
    def dtypes(self) -> dict:
        """Those of every layer."""
        return {"dtype": self.dtype, "param_dtype": self.param_dtype}

    def map(self, images: Array, train: bool) -> Array:
        """Returns images as a map of their size."""
        linear = {"spectral": self.norm == "spectral", "kernel_init": linear_init} | self.dtypes
        return Conv(self.width, 1, name=f"map_{images.shape[1]}", **linear)(images, train)

    def block(self, x: Array, train: bool, *, down: bool, name: str) -> Array:
        """Returns a map after a block."""
        fields = {"norm": self.norm, "axis_name": self.axis_name} | self.dtypes
        return CriticBlock(self.width, first=False, down=down, name=name, **fields)(x, train)
