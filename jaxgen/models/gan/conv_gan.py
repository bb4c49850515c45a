"""A small convolutional generator and discriminator with 3×3 kernels and without normalization."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.nn.heads import DiscriminatorNetwork, discriminator_head
from jaxgen.nn.layers import Conv, Dense, Maps, UpsampleConv, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.sizes import require_multiple


class Generator(Network):
    """A dense layer to a map of a quarter of the size (4×4 for 16, 7×7 for 28), upsampled twice.

    Attributes:
      size: side of the images, pixels, a multiple of 4.
      channels: of the images.
      width: filters of each layer.
    """

    size: int = 28
    channels: int = 1
    width: int = 64

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, size, size, channels] in [-1, 1] from float[batch, latent]."""
        del train
        require_multiple(self.size, self.size, 4, "conv_gan")
        base = self.size // 4
        x = Dense(base * base * self.width, name="project", **self.dtypes)(latent).reshape(-1, base, base, self.width)
        for i in range(2):
            x = jax.nn.relu(UpsampleConv(self.width, name=f"conv_{i}", **self.dtypes)(x))
        return jnp.tanh(at_least_float32(Conv(self.channels, name="image", **self.dtypes)(x)))


class Discriminator(DiscriminatorNetwork):
    """Two convolutions of stride 2, a dense layer of 128 units and a logit.

    Attributes:
      width: filters of each convolution.
    """

    width: int = 64

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, height, width, channel] in [-1, 1]."""
        require_multiple(images.shape[1], images.shape[2], 4, "conv_gan")
        x = images
        for i in range(2):
            x = jax.nn.relu(Conv(self.width, 3, 2, name=f"conv_{i}", **self.dtypes)(x))
        x = Maps(name="maps")(x)
        x = jax.nn.relu(Dense(128, name="dense", **self.dtypes)(x.reshape(len(x), -1)))
        return discriminator_head(self, x, train, labels)
