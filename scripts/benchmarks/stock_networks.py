"""The measured networks as a Flax user writes them, with flax.linen's own layers."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

BatchNorm = partial(nn.BatchNorm, momentum=0.9)
Down = partial(nn.Conv, kernel_size=(4, 4), strides=(2, 2))
Up = partial(nn.ConvTranspose, kernel_size=(4, 4), strides=(2, 2))


class Generator(nn.Module):
    """Radford et al. 2016 at 32 pixels: latent -> 4×4 -> 8 -> 16 -> 32, tanh."""

    width: int
    channels: int
    dtype: Any = None

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns images float[b, 32, 32, channels] in [-1, 1] from latent float[b, latent]."""
        norm = partial(BatchNorm, use_running_average=not train, dtype=self.dtype)
        x = nn.Dense(64 * self.width, use_bias=False, dtype=self.dtype)(latent).reshape(-1, 4, 4, 4 * self.width)
        x = nn.relu(norm()(x))
        x = nn.relu(norm()(Up(2 * self.width, use_bias=False, dtype=self.dtype)(x)))
        x = nn.relu(norm()(Up(self.width, use_bias=False, dtype=self.dtype)(x)))
        return jnp.tanh(Up(self.channels, use_bias=False, dtype=self.dtype)(x).astype(jnp.float32))


class Discriminator(nn.Module):
    """Radford et al. 2016 at 32 pixels, with batch norm or, as a critic, without."""

    width: int
    batch_norm: bool
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns logits float[b]."""
        linear = {"use_bias": not self.batch_norm, "dtype": self.dtype}
        x = nn.leaky_relu(Down(self.width, **linear)(images), 0.2)
        for features in (2 * self.width, 4 * self.width):
            x = Down(features, **linear)(x)
            if self.batch_norm:
                x = BatchNorm(use_running_average=not train, dtype=self.dtype)(x)
            x = nn.leaky_relu(x, 0.2)
        return nn.Dense(1, **linear)(x.reshape(len(x), -1))[:, 0].astype(jnp.float32)


class DenseGenerator(nn.Module):
    """Dense layers whose width doubles twice, tanh."""

    width: int
    channels: int
    size: int
    dtype: Any = None

    @nn.compact
    def __call__(self, latent: Array, train: bool) -> Array:
        """Returns images float[b, size, size, channels] in [-1, 1] from latent float[b, latent]."""
        x = latent
        for features in (self.width, 2 * self.width, 4 * self.width):
            x = nn.relu(nn.Dense(features, dtype=self.dtype)(x))
            x = BatchNorm(use_running_average=not train, dtype=self.dtype)(x)
        x = nn.Dense(self.size * self.size * self.channels, dtype=self.dtype)(x)
        return jnp.tanh(x.astype(jnp.float32)).reshape(-1, self.size, self.size, self.channels)


class DenseDiscriminator(nn.Module):
    """Two hidden dense layers, the second half as wide as the first."""

    width: int
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns logits float[b]."""
        x = images.reshape(len(images), -1)
        for features in (2 * self.width, self.width):
            x = nn.relu(nn.Dense(features, dtype=self.dtype)(x))
            x = BatchNorm(use_running_average=not train, dtype=self.dtype)(x)
        return nn.Dense(1, dtype=self.dtype)(x)[:, 0].astype(jnp.float32)


class VAE(nn.Module):
    """Encoder of two convolutions and a dense layer, halving the size twice, and the decoder that mirrors it."""

    latent: int
    width: int
    hidden: int
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, noise: Array, train: bool) -> tuple[Array, Array, Array]:
        """Returns (logits of the decoded images, mean, log_variance)."""
        dense, down, up = (partial(layer, dtype=self.dtype) for layer in (nn.Dense, Down, Up))
        x = nn.relu(down(self.width)(images))
        x = nn.relu(down(2 * self.width)(x))
        code = nn.relu(dense(self.hidden)(x.reshape(len(x), -1))).astype(jnp.float32)
        mean, log_variance = nn.Dense(self.latent)(code), nn.Dense(self.latent)(code)
        z = mean + jnp.exp(log_variance / 2) * noise
        code = nn.relu(dense(self.hidden)(z))
        x = nn.relu(dense(x[0].size)(code)).reshape(x.shape)
        x = nn.relu(up(self.width)(x))
        return up(images.shape[-1])(x).astype(jnp.float32), mean, log_variance


class DnCNN(nn.Module):
    """Zhang et al. 2017: convolutions 3×3 with batch norm; the input less the predicted noise."""

    depth: int
    width: int
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns restored images of the same shape."""
        conv = partial(nn.Conv, kernel_size=(3, 3), dtype=self.dtype)
        x = nn.relu(conv(self.width)(images))
        for _ in range(self.depth - 2):
            x = conv(self.width, use_bias=False)(x)
            x = nn.relu(BatchNorm(use_running_average=not train, dtype=self.dtype)(x))
        return images - conv(images.shape[-1])(x).astype(images.dtype)
