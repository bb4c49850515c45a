"""A generator and a discriminator of dense layers, in two variants.

The output of `plain` is 2 · sigmoid − 1; `batch_norm` normalizes after each ReLU and ends in tanh.
Reference: Goodfellow et al. 2014, section 5 (fully connected players on MNIST).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import unknown
from jaxgen.nn.heads import DiscriminatorNetwork, discriminator_head
from jaxgen.nn.layers import Dense, at_least_float32, make_norm
from jaxgen.nn.network import SynchronizedNetwork


class Variant(NamedTuple):
    """Widths of the hidden layers of both networks, and their norm."""

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    norm: str


VARIANTS = {
    "plain": Variant(generator=(128, 128), discriminator=(128, 128), norm="none"),
    "batch_norm": Variant(generator=(256, 512, 1024), discriminator=(512, 256), norm="batch"),
}


class Hidden(SynchronizedNetwork):
    """Dense layers with ReLU; a norm of activations follows the ReLU."""

    widths: tuple[int, ...]
    norm: str

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, widths[-1]]."""
        norm = make_norm(self.norm, self.axis_name, **self.dtypes)
        for i, width in enumerate(self.widths):
            x = jax.nn.relu(Dense(width, spectral=self.norm == "spectral", name=f"dense_{i}", **self.dtypes)(x, train))
            x = norm(x, train, f"norm_{i}")
        return x


def find_variant(name: str) -> Variant:
    """Returns a variant by its name, or raises UsageError."""
    if name not in VARIANTS:
        raise unknown("variant of gan_mlp", name, VARIANTS)
    return VARIANTS[name]


class Generator(SynchronizedNetwork):
    """Latent vectors to images of any size.

    Attributes:
      variant: a name in `VARIANTS`.
      size: side of the images, pixels.
      channels: of the images.
    """

    variant: str = "plain"
    size: int = 28
    channels: int = 1

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        variant, shape = find_variant(self.variant), (self.size, self.size, self.channels)
        hidden = Hidden(variant.generator, variant.norm, axis_name=self.axis_name, **self.dtypes, name="hidden")
        pixels = self.size * self.size * self.channels
        x = Dense(pixels, **self.dtypes, name="image")(hidden(latent, train))
        x = at_least_float32(x).reshape(-1, *shape)
        return jnp.tanh(x) if variant.norm == "batch" else 2 * jax.nn.sigmoid(x) - 1


class Discriminator(DiscriminatorNetwork):
    """Images of any size to logits.

    Attributes:
      variant: a name in `VARIANTS`.
      norm: "batch", "layer", "spectral" or "none"; None: the variant's. Batch norm directly precedes the logit.
    """

    variant: str = "plain"
    norm: str | None = None

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1]."""
        variant = find_variant(self.variant)
        norm = self.norm or variant.norm
        hidden = Hidden(variant.discriminator, norm, axis_name=self.axis_name, **self.dtypes, name="hidden")
        x = hidden(images.reshape(len(images), -1), train)
        linear: dict[str, Any] = {"spectral": norm == "spectral"}
        return discriminator_head(self, x, train, labels, **linear)
