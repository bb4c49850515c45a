"""Variational autoencoders: an encoder of dense or convolutional layers and a mirrored decoder.

Reference: Kingma and Welling 2014, section 3 and appendix C.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.nn.layers import Conv, ConvTranspose, Dense, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.sizes import require_multiple

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


class Posterior(Network):
    """The output layers of an encoder, in at least float32: mean and log variance of q(z | x)."""

    latent: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Returns (mean, log variance), each float[batch, latent]."""
        x = at_least_float32(x)
        mean, log_variance = (
            Dense(self.latent, param_dtype=self.param_dtype, name=name)(x) for name in ("mean", "log_variance")
        )
        return mean, log_variance


class DenseEncoder(Network):
    """Images to the posterior's parameters by dense layers."""

    hidden: tuple[int, ...]
    latent: int
    activation: str

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Returns (mean, log variance), each float[batch, latent]."""
        x = images.reshape(len(images), -1)
        for i, units in enumerate(self.hidden):
            x = Dense(units, **self.dtypes, name=f"dense_{i}")(x)
            x = ACTIVATIONS[self.activation](x)
        return Posterior(self.latent, param_dtype=self.param_dtype, name="posterior")(x)


class DenseDecoder(Network):
    """Latent vectors to images by dense layers; `hidden` is that of the encoder, used in reverse."""

    hidden: tuple[int, ...]
    shape: tuple[int, int, int]
    activation: str

    @nn.compact
    def __call__(self, latent: Array) -> Array:
        """Returns float[batch, *shape], unbounded."""
        x = latent
        for i, units in enumerate(reversed(self.hidden)):
            x = ACTIVATIONS[self.activation](Dense(units, name=f"dense_{i}", **self.dtypes)(x))
        return Dense(math.prod(self.shape), name="image", **self.dtypes)(x).reshape(-1, *self.shape)


class ConvEncoder(Network):
    """Images to the posterior's parameters by 4×4 convolutions of stride 2 and one dense layer, with ReLU."""

    features: tuple[int, ...]
    hidden: int
    latent: int

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Returns (mean, log variance), each float[batch, latent]."""
        x = images
        for i, features in enumerate(self.features):
            x = jax.nn.relu(Conv(features, 4, 2, name=f"conv_{i}", **self.dtypes)(x))
        x = jax.nn.relu(Dense(self.hidden, name="dense", **self.dtypes)(x.reshape(len(x), -1)))
        return Posterior(self.latent, param_dtype=self.param_dtype, name="posterior")(x)


class ConvDecoder(Network):
    """Latent vectors to images by two dense layers and 4×4 transposed convolutions of stride 2, with ReLU."""

    features: tuple[int, ...]
    hidden: int
    shape: tuple[int, int, int]

    @nn.compact
    def __call__(self, latent: Array) -> Array:
        """Returns float[batch, *shape], unbounded."""
        height, width, channels = self.shape
        map_shape = (height >> len(self.features), width >> len(self.features), self.features[-1])
        x = jax.nn.relu(Dense(self.hidden, name="dense_0", **self.dtypes)(latent))
        x = jax.nn.relu(Dense(math.prod(map_shape), name="dense_1", **self.dtypes)(x)).reshape(-1, *map_shape)
        for i, features in enumerate(reversed(self.features[:-1])):
            x = jax.nn.relu(ConvTranspose(features=features, name=f"conv_{i}", **self.dtypes)(x))
        return ConvTranspose(features=channels, name="image", **self.dtypes)(x)


class VAE(Network):
    """The base class of the autoencoders; the `setup` of a subclass creates `encoder` and `decoder`.

    Attributes:
      size: side of the images, pixels.
      channels: of the images.
      latent: dimension of the latent vector.
      numbers: parameters of the likelihood per pixel value: 1, or 2 with a scale for each value.
    """

    size: int = 28
    channels: int = 1
    latent: int = 20
    numbers: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channel) of the images."""
        return self.size, self.size, self.channels

    @property
    def decoded_shape(self) -> tuple[int, int, int]:
        """(height, width, channel) of the decoder's output."""
        return self.size, self.size, self.channels * self.numbers

    def encode(self, images: Array, train: bool) -> tuple[Array, Array]:
        """Returns mean and log variance of q(z | x).

        Args:
          images: float[batch, size, size, channels] in [0, 1].
          train: has no effect.
        Returns:
          (mean, log variance), each float[batch, latent].
        Raises:
          UsageError: if the images have another size.
        """
        del train
        if images.shape[1:] != self.shape:
            raise UsageError(
                f"images of shape {images.shape[1:]}: this vae takes {self.shape} (height, width, channels); "
                "set data.size and data.channels"
            )
        return self.encoder(images)

    def decode(self, latent: Array, train: bool) -> Array:
        """Returns the parameters of the likelihood for each pixel.

        Args:
          latent: float[batch, latent].
          train: has no effect.
        Returns:
          float[batch, size, size, channels · numbers], unbounded.
        """
        del train
        return at_least_float32(self.decoder(latent))

    def __call__(self, images: Array, noise: Array, train: bool) -> tuple[Array, Array, Array]:
        """Encodes images, samples z = mean + exp(log variance / 2) · noise, and decodes.

        Args:
          images: float[batch, size, size, channels] in [0, 1].
          noise: float[batch, samples, latent], standard normal.
          train: has no effect.
        Returns:
          (decoded float[batch, samples, size, size, channels · numbers], mean float[batch, latent], log variance
          float[batch, latent]).
        Reference: Kingma and Welling 2014, equation 10.
        """
        mean, log_variance = self.encode(images, train)
        codes = mean[:, None] + jnp.exp(log_variance / 2)[:, None] * noise
        decoded = self.decode(codes.reshape(-1, self.latent), train)
        return decoded.reshape(*noise.shape[:2], *decoded.shape[1:]), mean, log_variance


class DenseVAE(VAE):
    """A VAE of dense layers, for images of any size.

    Attributes:
      hidden: widths of the encoder's hidden layers; the decoder uses them in reverse.
      activation: of the hidden layers, a name in `ACTIVATIONS`.
    """

    hidden: tuple[int, ...] = (500,)
    activation: str = "relu"

    def setup(self) -> None:
        """Creates the encoder and the decoder."""
        self.encoder = DenseEncoder(self.hidden, self.latent, self.activation, **self.dtypes)
        self.decoder = DenseDecoder(self.hidden, self.decoded_shape, self.activation, **self.dtypes)


class ConvVAE(VAE):
    """A VAE of convolutions, for sizes that are multiples of 2 to the number of `features`.

    Attributes:
      features: channels of the encoder's convolutions; the decoder uses them in reverse.
      hidden: width of the dense layers before and after the latent vector.
    """

    features: tuple[int, ...] = (32, 64)
    hidden: int = 256

    def setup(self) -> None:
        """Creates the encoder and the decoder."""
        require_multiple(self.size, self.size, 2 ** len(self.features), "this convolutional vae")
        self.encoder = ConvEncoder(self.features, self.hidden, self.latent, **self.dtypes)
        self.decoder = ConvDecoder(self.features, self.hidden, self.decoded_shape, **self.dtypes)
