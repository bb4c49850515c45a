"""A deep-stem variant of DCGAN at 128×128: five dense layers before the transposed convolutions.

LeakyReLU 0.2 and then batch norm follow every layer; initial weights as in `dcgan`.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.models.gan.dcgan import kernel_init, leaky_relu, scale_init
from jaxgen.nn.heads import DiscriminatorNetwork, discriminator_head
from jaxgen.nn.layers import BatchNorm, Conv, ConvTranspose, Dense, Maps, at_least_float32, make_norm
from jaxgen.nn.network import SynchronizedNetwork

SIZE = 128


def require_size(height: int, width: int) -> None:
    """Raises UsageError unless an image is 128×128."""
    if (height, width) != (SIZE, SIZE):
        raise UsageError(
            f"image size {height}x{width}: the deep-stem dcgan takes {SIZE}x{SIZE} only; set data.size {SIZE}, or the "
            "variant to radford"
        )


class Generator(SynchronizedNetwork):
    """Latent vectors to images of 128×128 pixels.

    Attributes:
      size: side of the images, pixels: 128.
      channels: of the images.
      width: channels of the last map; all other widths are multiples of it.
    """

    size: int = SIZE
    channels: int = 3
    width: int = 64

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns float[batch, 128, 128, channels] in [-1, 1] from float[batch, latent]."""
        require_size(self.size, self.size)
        linear: dict[str, Any] = {"kernel_init": kernel_init} | self.dtypes
        norm = partial(BatchNorm, self.axis_name, scale_init=scale_init, **self.dtypes)

        x, features = latent, 8 * self.width
        for i, units in enumerate((2 * self.width, 2 * self.width, 16 * self.width, 16 * self.width, 16 * features)):
            x = leaky_relu(Dense(units, name=f"dense_{i}", **linear)(x))
            x = norm(name=f"dense_norm_{i}")(x, train)
        x = x.reshape(-1, 4, 4, features)
        for i in range(4):
            x = leaky_relu(ConvTranspose(features=features >> i, name=f"conv_{i}", **linear)(x))
            x = norm(name=f"norm_{i}")(x, train)
        return jnp.tanh(at_least_float32(ConvTranspose(features=self.channels, name="image", **linear)(x)))


class Discriminator(DiscriminatorNetwork):
    """Images of 128×128 pixels to logits: four convolutions of stride 2. No norm after the first layer.

    Attributes:
      norm: "batch"; or "layer", "spectral" or "none", which do not couple the examples of a batch.
      width: channels of the first map; they double with every halving of the size.
    """

    norm: str = "batch"
    width: int = 64

    @nn.compact
    def __call__(self, images: Array, train: bool, labels: Array | None = None) -> Array:
        """Returns logits, float[batch], of images float[batch, 128, 128, channel] in [-1, 1]."""
        require_size(*images.shape[1:3])
        norm = make_norm(self.norm, self.axis_name, scale_init, **self.dtypes)
        linear: dict[str, Any] = {"spectral": self.norm == "spectral", "kernel_init": kernel_init}

        x = images
        for i in range(4):
            x = leaky_relu(Conv(self.width << i, 4, 2, name=f"conv_{i}", **linear, **self.dtypes)(x, train))
            x = norm(x, train, f"norm_{i}") if i else x
        x = Maps(name="maps")(x)
        return discriminator_head(self, x, train, labels, **linear)
