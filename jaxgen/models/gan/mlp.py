"""A generator and a discriminator of dense layers, in two variants.

The output of `plain` is 2 · sigmoid − 1; `batch_norm` normalizes after each ReLU and ends in tanh.
Reference: Goodfellow et al. 2014, section 5 (fully connected players on MNIST).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike

from jaxgen.errors import unknown
from jaxgen.nn.heads import ComparesBatch, discriminator_head
from jaxgen.nn.layers import Dense, at_least_float32, make_norm


class Variant(NamedTuple):
    """Widths of the hidden layers of both networks, and their norm."""

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    norm: str


VARIANTS = {
    "plain": Variant(generator=(128, 128), discriminator=(128, 128), norm="none"),
    "batch_norm": Variant(generator=(256, 512, 1024), discriminator=(512, 256), norm="batch"),
}


class Hidden(nn.Module):
    """Dense layers with ReLU; a norm of activations follows the ReLU."""

    widths: tuple[int, ...]
    norm: str
    axis_name: str | None
    dtype: DTypeLike | None
    param_dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, widths[-1]]."""
        dtypes: dict[str, Any] = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        norm = make_norm(self.norm, self.axis_name, **dtypes)
        for i, width in enumerate(self.widths):
            x = jax.nn.relu(Dense(width, spectral=self.norm == "spectral", name=f"dense_{i}", **dtypes)(x, train))
            x = norm(x, train, f"norm_{i}")
        return x


def find_variant(name: str) -> Variant:
    """Returns a variant by its name, or raises UsageError."""
    if name not in VARIANTS:
        raise unknown("variant of gan_mlp", name, VARIANTS)
    return VARIANTS[name]


class Generator(nn.Module):
    """Latent vectors to images of any size.

    Attributes:
      variant: a name in `VARIANTS`.
      size: side of the images, pixels.
      channels: of the images.
      axis_name: the mapped axis over which batch norm is synchronized, or None.
      dtype: of the computation; None: promoted from inputs and parameters.
      param_dtype: of the parameters.
    """

    variant: str = "plain"
    size: int = 28
    channels: int = 1
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        variant, shape = find_variant(self.variant), (self.size, self.size, self.channels)
        hidden = Hidden(variant.generator, variant.norm, self.axis_name, self.dtype, self.param_dtype, name="hidden")
        pixels = self.size * self.size * self.channels
        x = Dense(pixels, dtype=self.dtype, param_dtype=self.param_dtype, name="image")(hidden(latent, train))
        x = at_least_float32(x).reshape(-1, *shape)
        return jnp.tanh(x) if variant.norm == "batch" else 2 * jax.nn.sigmoid(x) - 1


class Discriminator(ComparesBatch, nn.Module):
    """Images of any size to logits.

    Attributes:
      variant: a name in `VARIANTS`.
      norm: "batch", "layer", "spectral" or "none"; None: the variant's. Batch norm directly precedes the logit.
      axis_name: the mapped axis over which batch norm is synchronized, or None.
      dtype: of the computation; None: promoted from inputs and parameters.
      param_dtype: of the parameters.
      classes: number of classes of a conditional discriminator; 0: unconditional.
      kernels: number of kernels of minibatch discrimination, which couples the examples of a batch; 0: none.
    """

    variant: str = "plain"
    norm: str | None = None
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    classes: int = 0
    kernels: int = 0

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1].

        With classes, `labels` are int32[batch, packing], one for each packed image.
        """
        variant = find_variant(self.variant)
        norm = self.norm or variant.norm
        hidden = Hidden(variant.discriminator, norm, self.axis_name, self.dtype, self.param_dtype, name="hidden")
        ends: dict[str, Any] = {"classes": self.classes, "kernels": self.kernels, "axis_name": self.axis_name}
        x = hidden(images.reshape(len(images), -1), train)
        linear: dict[str, Any] = {"spectral": norm == "spectral", "param_dtype": self.param_dtype}
        return discriminator_head(self, x, train, labels, **ends, **linear)
