"""InceptionV3 for the Fréchet Inception Distance, for inference with weights from a file.

It is TensorFlow's network of 2015, which pytorch-fid converted: 1008 logits, average pooling without the padding, and
max pooling in the last block. Batch norm is folded into the convolutions. Everything is float32 in full precision on
every platform, as the features are part of the metric's definition.

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
    """A convolution with bias and ReLU.

    Attributes:
      features: channels of the output.
      kernel: (height, width) of the kernel, pixels.
      stride: of the convolution.
      pad: whether zero padding keeps the size at stride 1.
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
        rows, columns = (side // 2 if self.pad else 0 for side in self.kernel)
        return nn.relu(conv(x, kernel, self.stride, ((rows, rows), (columns, columns))) + bias)


def chain(x: Array, name: str, *layers: tuple) -> Array:
    """Applies layers called name_1, name_2 …, each given by the fields of a `ConvRelu`."""
    for number, layer in enumerate(layers, 1):
        x = ConvRelu(*layer, name=f"{name}_{number}")(x)
    return x


def max_pool(x: Array) -> Array:
    """Applies 3×3 max pooling of stride 2 without padding."""
    return nn.max_pool(x, (3, 3), (2, 2))


def average_pool(x: Array) -> Array:
    """Applies 3×3 average pooling of stride 1; the average ignores padding."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def join(*branches: Array) -> Array:
    """Concatenates branches along the channel axis."""
    return jnp.concatenate(branches, axis=-1)


class InceptionA(nn.Module):
    """Four branches at 35×35 pixels: 1×1, 5×5, two 3×3, and pooling.

    Attributes:
      pooled: channels of the pooling branch.
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


class InceptionB(nn.Module):
    """From 35×35 to 17×17 pixels, by branches of stride 2."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height', width', 480 + channel]."""
        return join(
            ConvRelu(384, (3, 3), 2, pad=False, name="branch3x3")(x),
            chain(x, "branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3), 2, False)),
            max_pool(x),
        )


class InceptionC(nn.Module):
    """Four branches at 17×17 pixels, with 7×7 convolutions factorized into 1×7 and 7×1.

    Attributes:
      inner: channels between the factors.
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


class InceptionD(nn.Module):
    """From 17×17 to 8×8 pixels, by branches of stride 2."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height', width', 512 + channel]."""
        return join(
            chain(x, "branch3x3", (192,), (320, (3, 3), 2, False)),
            chain(x, "branch7x7x3", (192,), (192, (1, 7)), (192, (7, 1)), (192, (3, 3), 2, False)),
            max_pool(x),
        )


class InceptionE(nn.Module):
    """Four branches at 8×8 pixels, two of which end in parallel 1×3 and 3×1 convolutions.

    Attributes:
      max_pooled: whether the pooling branch uses the maximum, as in the last block, or the average.
    """

    max_pooled: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, 2048]."""
        pooled = nn.max_pool(x, (3, 3), (1, 1), "SAME") if self.max_pooled else average_pool(x)
        both = lambda y, name: (
            ConvRelu(384, (1, 3), name=f"{name}a")(y),
            ConvRelu(384, (3, 1), name=f"{name}b")(y),
        )
        return join(
            ConvRelu(320, name="branch1x1")(x),
            *both(chain(x, "branch3x3", (384,)), "branch3x3_2"),
            *both(chain(x, "branch3x3dbl", (448,), (384, (3, 3))), "branch3x3dbl_3"),
            ConvRelu(192, name="branch_pool")(pooled),
        )


def resized(images: Array) -> Array:
    """Resizes images to 299×299 pixels by bilinear interpolation without antialiasing."""
    shape = (len(images), SIZE, SIZE, images.shape[-1])
    return jax.image.resize(images, shape, "linear", antialias=False)


class InceptionV3(nn.Module):
    """InceptionV3; modules have the names of pytorch-fid's weights."""

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Returns features and logits; see `class_probabilities` for the Inception Score.

        Args:
          images: float32[batch, height, width, 3] in [0, 1], of any size.
        Returns:
          (float32[batch, 2048] averaged over the last block, float32[batch, 1008]).
        Raises:
          ValueError: if the images do not have three channels, or are integers.
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
                x = InceptionA(pooled, name=name)(x)
            x = InceptionB(name="Mixed_6a")(x)
            for name, inner in {"Mixed_6b": 128, "Mixed_6c": 160, "Mixed_6d": 160, "Mixed_6e": 192}.items():
                x = InceptionC(inner, name=name)(x)
            x = InceptionD(name="Mixed_7a")(x)
            for name, max_pooled in {"Mixed_7b": False, "Mixed_7c": True}.items():
                x = InceptionE(max_pooled, name=name)(x)
            features = x.mean((1, 2))
            return features, Dense(CLASSES, name="fc")(features)


def class_probabilities(variables: PyTree, logits: Array) -> Array:
    """Computes the class probabilities of the Inception Score: the softmax of the logits without their bias.

    Args:
      variables: of `InceptionV3`.
      logits: float32[batch, 1008] of `InceptionV3`.
    Returns:
      float32[batch, 1008].
    """
    return jax.nn.softmax(logits - variables["params"]["fc"]["bias"])
