"""A small convolutional generator and discriminator with 3×3 kernels and without normalization."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike

from jaxgen.nn.heads import ComparesBatch, discriminator_head
from jaxgen.nn.layers import Conv, Dense, Maps, UpsampleConv, at_least_float32
from jaxgen.nn.sizes import require_multiple


class Generator(nn.Module):
    """A dense layer to a map of a quarter of the size (4×4 for 16, 7×7 for 28), upsampled twice.

    Attributes:
      size: side of the images, pixels, a multiple of 4.
      channels: of the images.
      width: filters of each layer.
      dtype: of the computation; None: promoted from inputs and parameters.
      param_dtype: of the parameters.
    """

    size: int = 28
    channels: int = 1
    width: int = 64
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        del train
        require_multiple(self.size, self.size, 4, "conv_gan")
        dtypes: dict[str, Any] = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        base = self.size // 4
        x = Dense(base * base * self.width, name="project", **dtypes)(latent).reshape(-1, base, base, self.width)
        for i in range(2):
            x = jax.nn.relu(UpsampleConv(self.width, name=f"conv_{i}", **dtypes)(x))
        return jnp.tanh(at_least_float32(Conv(self.channels, name="image", **dtypes)(x)))


class Discriminator(ComparesBatch, nn.Module):
    """Two convolutions of stride 2, a dense layer of 128 units and a logit.

    Attributes:
      width: filters of each convolution.
      dtype: of the computation; None: promoted from inputs and parameters.
      param_dtype: of the parameters.
      classes: number of classes of a conditional discriminator; 0: unconditional.
      kernels: number of kernels of minibatch discrimination, which couples the examples of a batch; 0: none.
      axis_name: the mapped axis over which minibatch discrimination gathers the batch, or None.
    """

    width: int = 64
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    classes: int = 0
    kernels: int = 0
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1].

        With classes, `labels` are int32[batch, packing], one for each packed image.
        """
        require_multiple(images.shape[1], images.shape[2], 4, "conv_gan")
        dtypes: dict[str, Any] = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        x = images
        for i in range(2):
            x = jax.nn.relu(Conv(self.width, 3, 2, name=f"conv_{i}", **dtypes)(x))
        x = Maps(name="maps")(x)
        x = jax.nn.relu(Dense(128, name="dense", **dtypes)(x.reshape(len(x), -1)))
        ends: dict[str, Any] = {"classes": self.classes, "kernels": self.kernels, "axis_name": self.axis_name}
        return discriminator_head(self, x, train, labels, param_dtype=self.param_dtype, **ends)
