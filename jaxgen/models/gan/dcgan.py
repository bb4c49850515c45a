"""The generator and discriminator of DCGAN: 4×4 convolutions of stride 2, batch norm, initial weights N(0, 0.02).

Convolutions with batch norm have no bias, as in PyTorch's DCGAN example; the parameter counts are the same.
Reference: Radford, Metz, Chintala 2016, sections 3 and 4 and figure 1.
"""

from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import Initializer, normal

from jaxgen.nn.heads import DiscriminatorNetwork, discriminator_head
from jaxgen.nn.layers import BatchNorm, Conv, ConvTranspose, Dense, Maps, at_least_float32, make_norm
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.sizes import pyramid

kernel_init = normal(0.02)
leaky_relu = partial(jax.nn.leaky_relu, negative_slope=0.2)


scale_init = cast(Initializer, lambda key, shape, dtype: 1 + normal(0.02)(key, shape, dtype))
"""Initializes the scales of batch norm from N(1, 0.02)."""


class Generator(SynchronizedNetwork):
    """Latent vectors to images: a map of 4×4 or 7×7 pixels, upsampled by transposed convolutions.

    Attributes:
      size: side of the images, pixels: 28, 32, 64, 128 or another of `sizes.PYRAMIDS`.
      channels: of the images.
      width: channels of the last map; they double with every halving of the size.
    """

    size: int = 64
    channels: int = 3
    width: int = 64

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        base, doublings = pyramid(self.size, self.size, "dcgan")
        linear: dict[str, Any] = {"use_bias": False, "kernel_init": kernel_init} | self.dtypes
        norm = partial(BatchNorm, self.axis_name, scale_init=scale_init, **self.dtypes)

        features = self.width << (doublings - 1)
        x = Dense(base * base * features, name="project", **linear)(latent).reshape(-1, base, base, features)
        x = jax.nn.relu(norm(name="norm_0")(x, train))
        for i in range(1, doublings):
            x = ConvTranspose(features=features >> i, name=f"conv_{i}", **linear)(x)
            x = jax.nn.relu(norm(name=f"norm_{i}")(x, train))
        return jnp.tanh(at_least_float32(ConvTranspose(features=self.channels, name="image", **linear)(x)))


class Discriminator(DiscriminatorNetwork):
    """Images to logits: strided convolutions down to 4×4 or 7×7 pixels; no norm after the first layer.

    Attributes:
      norm: "batch"; or "layer", "spectral" or "none", which do not couple the examples of a batch, as a gradient
        penalty requires. Layers have a bias unless it is "batch".
      width: channels of the first map; they double with every halving of the size.
    """

    norm: str = "batch"
    width: int = 64

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1]."""
        _, halvings = pyramid(images.shape[1], images.shape[2], "dcgan")
        norm = make_norm(self.norm, self.axis_name, scale_init, **self.dtypes)
        linear: dict[str, Any] = {
            "use_bias": self.norm != "batch",
            "spectral": self.norm == "spectral",
            "kernel_init": kernel_init,
        }

        x = images
        for i in range(halvings):
            x = Conv(self.width << i, 4, 2, name=f"conv_{i}", **linear, **self.dtypes)(x, train)
            x = leaky_relu(norm(x, train, f"norm_{i}") if i else x)
        x = Maps(name="maps")(x)
        return discriminator_head(self, x, train, labels, **linear)
