"""InceptionV3 as the Fréchet Inception Distance uses it, for inference with weights that are read from a file.

It is the network of 2015 that TensorFlow published, and that pytorch-fid publishes again: 1008 logits, average pools
that count no padding, and a max pool in the last block. Convolutions hold the batch norm that followed them. Everything
is float32 in full precision on every platform: the features are part of the distance's protocol.

Reference: Szegedy et al. 2016, table 1; Heusel et al. 2017.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import lecun_normal, zeros

from jaxgen.nn.convolution import conv
from jaxgen.nn.layers import Dense

SIZE = 299
FEATURES = 2048
CLASSES = 1008
PyTree = Any


class ConvRelu(nn.Module):
    """A convolution with a bias, and relu.

    Attributes:
      features: channels of the output.
      kernel: (height, width) of the kernel, pixels.
      stride: pixels between two outputs.
      pad: whether zeros around the image keep its size at stride 1.
    """

    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    pad: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, features]."""
        kernel = self.param("kernel", lecun_normal(), (*self.kernel, x.shape[-1], self.features))
        bias = self.param("bias", zeros, (self.features,))
        padding = tuple((side // 2, side // 2) if self.pad else (0, 0) for side in self.kernel)
        return nn.relu(conv(x, kernel, self.stride, padding) + bias)


def chain(x: Array, name: str, *layers: tuple) -> Array:
    """Returns x after layers called name_1, name_2 …, each the fields of a `ConvRelu`."""
    for number, layer in enumerate(layers, 1):
        x = ConvRelu(*layer, name=f"{name}_{number}")(x)
    return x


def max_pool(x: Array) -> Array:
    """Returns the largest of 3×3 pixels, at every second pixel that has all its neighbours."""
    return nn.max_pool(x, (3, 3), (2, 2))


def average_pool(x: Array) -> Array:
    """Returns the average of those of 3×3 pixels that are inside the image, at every pixel."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def same_max_pool(x: Array) -> Array:
    """Returns the largest of those of 3×3 pixels that are inside the image, at every pixel."""
    return nn.max_pool(x, (3, 3), (1, 1), "SAME")


def join(*branches: Array) -> Array:
    """Returns the branches' channels side by side."""
    return jnp.concatenate(branches, axis=-1)


class Wide(nn.Module):
    """Four branches at 35×35 pixels: 1×1, 5×5, 3×3 twice, and pooled.

    Attributes:
      pooled: channels of the pooled branch.
    """

    pooled: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, 224 + pooled]."""
        return join(
            ConvRelu(64, name="branch1x1")(x),
            chain(x, "branch5x5", (48,), (64, (5, 5))),
            chain(x, "branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3))),
            ConvRelu(self.pooled, name="branch_pool")(average_pool(x)),
        )


class FirstReduction(nn.Module):
    """From 35×35 to 17×17 pixels, by branches of stride 2."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height', width', 480 + channel]."""
        return join(
            ConvRelu(384, (3, 3), 2, pad=False, name="branch3x3")(x),
            chain(x, "branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3), 2, False)),
            max_pool(x),
        )


class Factorised(nn.Module):
    """Four branches at 17×17 pixels, whose 7×7 convolutions are a row and a column each.

    Attributes:
      inner: channels between those.
    """

    inner: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, 768]."""
        row, column, inner = (1, 7), (7, 1), self.inner
        twice = [(inner,), (inner, column), (inner, row), (inner, column), (192, row)]
        return join(
            ConvRelu(192, name="branch1x1")(x),
            chain(x, "branch7x7", (inner,), (inner, row), (192, column)),
            chain(x, "branch7x7dbl", *twice),
            ConvRelu(192, name="branch_pool")(average_pool(x)),
        )


class SecondReduction(nn.Module):
    """From 17×17 to 8×8 pixels, by branches of stride 2."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height', width', 512 + channel]."""
        return join(
            chain(x, "branch3x3", (192,), (320, (3, 3), 2, False)),
            chain(x, "branch7x7x3", (192,), (192, (1, 7)), (192, (7, 1)), (192, (3, 3), 2, False)),
            max_pool(x),
        )


class Split(nn.Module):
    """Four branches at 8×8 pixels, two of which end in a row and a column side by side.

    Attributes:
      largest: whether the pooled branch takes the largest pixel, as the network's last block does, or the average.
    """

    largest: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, 2048]."""
        both = lambda y, name: (
            ConvRelu(384, (1, 3), name=f"{name}a")(y),
            ConvRelu(384, (3, 1), name=f"{name}b")(y),
        )
        return join(
            ConvRelu(320, name="branch1x1")(x),
            *both(chain(x, "branch3x3", (384,)), "branch3x3_2"),
            *both(chain(x, "branch3x3dbl", (448,), (384, (3, 3))), "branch3x3dbl_3"),
            ConvRelu(192, name="branch_pool")(same_max_pool(x) if self.largest else average_pool(x)),
        )


def resized(images: Array) -> Array:
    """Returns images of 299×299 pixels, by bilinear interpolation between pixel centres without antialiasing."""
    shape = (len(images), SIZE, SIZE, images.shape[-1])
    return jax.image.resize(images, shape, "linear", antialias=False)


class InceptionV3(nn.Module):
    """The network of the Fréchet Inception Distance. Modules have the names of pytorch-fid's weights."""

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Returns features and logits; `class_probabilities` gives those of the Inception Score.

        Args:
          images: float32[batch, height, width, 3] in [0, 1], of any size; one channel is repeated by the caller.
        Returns:
          (float32[batch, 2048] averaged over the last block, float32[batch, 1008]).
        Raises:
          ValueError: if the images do not have three channels, or are whole numbers.
        """
        if images.ndim != 4 or images.shape[-1] != 3:
            raise ValueError(
                f"images of shape {images.shape}: give [batch, height, width, 3]; repeat a single channel three times"
            )
        if not jnp.issubdtype(images.dtype, jnp.floating):
            raise ValueError(f"images of {images.dtype}: give floats in [0, 1]; divide grey levels by 255")
        with jax.default_matmul_precision("highest"):
            x = 2 * resized(images.astype(jnp.float32)) - 1
            x = ConvRelu(32, (3, 3), 2, pad=False, name="Conv2d_1a_3x3")(x)
            x = ConvRelu(32, (3, 3), pad=False, name="Conv2d_2a_3x3")(x)
            x = max_pool(ConvRelu(64, (3, 3), name="Conv2d_2b_3x3")(x))
            x = ConvRelu(80, name="Conv2d_3b_1x1")(x)
            x = max_pool(ConvRelu(192, (3, 3), pad=False, name="Conv2d_4a_3x3")(x))
            for name, pooled in {"Mixed_5b": 32, "Mixed_5c": 64, "Mixed_5d": 64}.items():
                x = Wide(pooled, name=name)(x)
            x = FirstReduction(name="Mixed_6a")(x)
            for name, inner in {"Mixed_6b": 128, "Mixed_6c": 160, "Mixed_6d": 160, "Mixed_6e": 192}.items():
                x = Factorised(inner, name=name)(x)
            x = SecondReduction(name="Mixed_7a")(x)
            for name, largest in {"Mixed_7b": False, "Mixed_7c": True}.items():
                x = Split(largest, name=name)(x)
            features = x.mean((1, 2))
            return features, Dense(CLASSES, name="fc")(features)


def class_probabilities(variables: PyTree, logits: Array) -> Array:
    """Returns the class probabilities of which the Inception Score is made: softmax of the logits without their bias.

    Args:
      variables: of `InceptionV3`.
      logits: float32[batch, 1008], what it returns.
    Returns:
      float32[batch, 1008].
    """
    return jax.nn.softmax(logits - variables["params"]["fc"]["bias"])
