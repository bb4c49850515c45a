"""Radford's generator and discriminator: 4×4 convolutions of stride 2, batch norm, initial weights N(0, 0.02).

Beside batch norm no layer has a bias, as in PyTorch's DCGAN example, whose parameter counts these networks share.
Reference: Radford, Metz, Chintala 2016, sections 3 and 4 and figure 1.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import normal
from jax.typing import DTypeLike

from jaxgen.nn.heads import ComparesBatch, discriminator_head
from jaxgen.nn.layers import BatchNorm, Conv, ConvTranspose, Dense, Maps, at_least_float32, make_norm
from jaxgen.nn.sizes import pyramid

kernel_init = normal(0.02)
leaky_relu = partial(jax.nn.leaky_relu, negative_slope=0.2)


def scale_init(key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Returns initial scales of batch norm, drawn from N(1, 0.02)."""
    return 1 + normal(0.02)(key, shape, dtype)


class Generator(nn.Module):
    """Latent vectors to images: a map of 4×4 or 7×7 pixels, doubled until it has the image's size.

    Attributes:
      size: side of the images, pixels: 28, 32, 64, 128 or another of `sizes.PYRAMIDS`.
      channels: of the images.
      width: channels of the last map; each map before has twice those of the next.
      axis_name: the mapped axis over which batch norm is synchronised, or None.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    size: int = 64
    channels: int = 3
    width: int = 64
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        base, doublings = pyramid(self.size, self.size, "dcgan")
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        linear = {"use_bias": False, "kernel_init": kernel_init} | dtypes
        norm = partial(BatchNorm, self.axis_name, scale_init=scale_init, **dtypes)

        features = self.width << (doublings - 1)
        x = Dense(base * base * features, name="project", **linear)(latent).reshape(-1, base, base, features)
        x = jax.nn.relu(norm(name="norm_0")(x, train))
        for i in range(1, doublings):
            x = ConvTranspose(features >> i, name=f"conv_{i}", **linear)(x)
            x = jax.nn.relu(norm(name=f"norm_{i}")(x, train))
        return jnp.tanh(at_least_float32(ConvTranspose(self.channels, name="image", **linear)(x)))


class Discriminator(ComparesBatch, nn.Module):
    """Images to logits: halved down to 4×4 or 7×7 pixels. No norm on the first layer.

    Attributes:
      norm: "batch"; "layer", "spectral" or "none" where examples must not be coupled. Layers have a bias unless it is
        "batch".
      width: channels of the first map; each map after has twice those of the one before.
      axis_name: the mapped axis over which batch norm is synchronised, or None.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
      classes: number of classes that labels name; 0: no labels.
      kernels: of minibatch discrimination, which couples the examples of a batch; 0: none.
    """

    norm: str = "batch"
    width: int = 64
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    classes: int = 0
    kernels: int = 0

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1].

        `labels` are int32[batch, images packed into one], where there are classes.
        """
        _, halvings = pyramid(*images.shape[1:3], "dcgan")
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        norm = make_norm(self.norm, self.axis_name, scale_init, **dtypes)
        linear = {"use_bias": self.norm != "batch", "spectral": self.norm == "spectral", "kernel_init": kernel_init}

        x = images
        for i in range(halvings):
            x = Conv(self.width << i, 4, 2, name=f"conv_{i}", **linear, **dtypes)(x, train)
            x = leaky_relu(norm(x, train, f"norm_{i}") if i else x)
        x = Maps(name="maps")(x)
        ends = {"classes": self.classes, "kernels": self.kernels, "axis_name": self.axis_name}
        return discriminator_head(self, x, train, labels, param_dtype=self.param_dtype, **ends, **linear)
