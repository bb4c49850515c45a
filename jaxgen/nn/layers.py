"""The layers of every network: convolutions on the closed set of primitives, dense layers, dropout.

Each takes `dtype` (of the computation; None promotes input and parameters) and `param_dtype`, and casts both operands.
"""

import dataclasses
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax import Array, lax
from jax.nn.initializers import Initializer, lecun_normal, zeros

from jaxgen.nn.convolution import conv, conv_input_gradient, conv_kernel_gradient
from jaxgen.nn.network import Network
from jaxgen.nn.normalization import BatchNorm, InstanceNorm, LayerNorm, SpectralNorm, at_least_float32, make_norm

__all__ = [
    "BatchNorm",
    "Conv",
    "ConvMeanPool",
    "ConvTranspose",
    "Dense",
    "Dropout",
    "GroupedConv",
    "InstanceNorm",
    "LayerNorm",
    "Maps",
    "SpectralNorm",
    "UpsampleConv",
    "at_least_float32",
    "conv",
    "conv_input_gradient",
    "conv_kernel_gradient",
    "logit",
    "make_norm",
    "transposed_convolutions",
]

Padding = str | Sequence[tuple[int, int]]


def explicit_padding(padding: Padding, size: Sequence[int], kernel_size: int, stride: int) -> tuple:
    """Returns ((top, bottom), (left, right)) of a convolution over an image of `size`.

    Args:
      padding: "SAME" (output = ⌈size / stride⌉), "VALID" (none) or the pairs themselves.
      size: (height, width).
      kernel_size: side of the kernel.
      stride: pixels between two outputs.
    """
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(size, (kernel_size, kernel_size), (stride, stride), padding)
    return tuple((int(low), int(high)) for low, high in padding)


class Linear(Network, kw_only=True):
    """A linear map by a kernel, and a bias; a subclass says what the kernel's shape is and what it does.

    Attributes:
      use_bias: whether a bias is added.
      spectral: whether the kernel is divided by its largest singular value, see `SpectralNorm`.
      kernel_init: initial value of the kernel.
    """

    use_bias: bool = True
    spectral: bool = False
    kernel_init: Initializer = lecun_normal()

    @nn.compact
    def __call__(self, x: Array, train: bool | None = None) -> Array:
        """Returns the layer's output.

        Args:
          x: float[batch, ..., channel].
          train: whether the spectral norm takes a power iteration; without `spectral` it has no effect.
        Returns:
          float[batch, ..., features].
        """
        kernel = self.param("kernel", self.kernel_init, self.kernel_shape(x.shape[-1]), self.param_dtype)
        bias = self.param("bias", zeros, (self.features,), self.param_dtype) if self.use_bias else None
        if self.spectral:
            kernel = SpectralNorm(name="spectral")(kernel, train)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        x = self.transform(x, kernel)
        return x if bias is None else x + bias


class Dense(Linear):
    """A matrix product over the last axis.

    Attributes:
      features: channels of the output.
    """

    features: int

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Returns (channel, features)."""
        return channels, self.features

    def transform(self, x: Array, kernel: Array) -> Array:
        """Returns x · kernel."""
        return x @ kernel


class SquareKernel(Linear):
    """A linear map of images by a square kernel.

    Attributes:
      features: channels of the output.
      kernel_size: side of the kernel, pixels.
    """

    features: int
    kernel_size: int = 3

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Returns (height, width, channel, features)."""
        return self.kernel_size, self.kernel_size, channels, self.features


class Conv(SquareKernel):
    """A convolution.

    Attributes:
      stride: pixels between two outputs.
      padding: "SAME" (output = ⌈input / stride⌉), "VALID" or ((top, bottom), (left, right)).
    """

    stride: int = 1
    padding: Padding = "SAME"

    def transform(self, x: Array, kernel: Array) -> Array:
        """Returns x ∗ kernel."""
        return conv(x, kernel, self.stride, explicit_padding(self.padding, x.shape[1:3], self.kernel_size, self.stride))


class GroupedConv(SquareKernel):
    """A convolution of stride 1 that keeps the size, each group of channels by itself.

    Every group is a convolution of its own: on two CPU cores XLA's grouped convolution took 3 to 4 times as long, its
    first and second derivatives 18 to 130 times, and one convolution by a kernel of mostly zeros 0.8 to 10 times (64
    images of 4×4×256 to 32×32×32 in groups of 16).

    Attributes:
      groups: into which input and output channels are cut; it divides both.
    """

    groups: int = 1

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Returns (height, width, channel / groups, features)."""
        return self.kernel_size, self.kernel_size, channels // self.groups, self.features

    def transform(self, x: Array, kernel: Array) -> Array:
        """Returns the groups' convolutions side by side."""
        padding = explicit_padding("SAME", x.shape[1:3], self.kernel_size, 1)
        parts = zip(jnp.split(x, self.groups, -1), jnp.split(kernel, self.groups, -1), strict=True)
        return jnp.concatenate([conv(part, w, 1, padding) for part, w in parts], -1)


class ConvTranspose(Linear):
    """A transposed convolution: the input gradient of a convolution of that kernel, stride and padding.

    Attributes:
      features: channels of the output.
      kernel_size: side of the kernel, pixels.
      stride: the factor by which the image grows.
      padding: of the convolution that this transposes: "SAME" (output = stride · input, for kernels no smaller than the
        stride), "VALID" or ((top, bottom), (left, right)): output = (input − 1) · stride + kernel_size − top − bottom,
        as in PyTorch.
    """

    features: int
    kernel_size: int = 4
    stride: int = 2
    padding: Padding = "SAME"
    kernel_init: Initializer = dataclasses.field(default=lecun_normal(in_axis=-1, out_axis=-2), kw_only=True)

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Returns (height, width, features, channel): the shape in the convolution that this transposes."""
        return self.kernel_size, self.kernel_size, self.features, channels

    def transform(self, x: Array, kernel: Array) -> Array:
        """Returns x ∗ᵀ kernel."""
        grown = tuple(self.stride * side for side in x.shape[1:3])
        padding = explicit_padding(self.padding, grown, self.kernel_size, self.stride)
        size = tuple(
            (side - 1) * self.stride + self.kernel_size - low - high
            for side, (low, high) in zip(x.shape[1:3], padding, strict=True)
        )
        return conv_input_gradient(x, kernel, self.stride, padding, size)


@contextmanager
def transposed_convolutions() -> Iterator[set[tuple[str, ...]]]:
    """Yields a set that collects the paths of the transposed convolutions applied inside the context.

    The output channels are the last but one axis of their kernels, and the last axis of all others.
    """
    paths: set[tuple[str, ...]] = set()

    def note(call: Callable, arguments: tuple, named: dict, context: nn.module.InterceptorContext) -> Any:
        if isinstance(context.module, ConvTranspose):
            paths.add(context.module.path)
        return call(*arguments, **named)

    with nn.intercept_methods(note):
        yield paths


def sum_of_shifts(kernel: Array) -> Array:
    """Returns the full convolution of a kernel with 2×2 ones: float[h, w, i, o] -> float[h + 1, w + 1, i, o]."""
    for axis in (0, 1):
        low, high = [[(0, 0)] * kernel.ndim for _ in range(2)]
        low[axis], high[axis] = (0, 1), (1, 0)
        kernel = jnp.pad(kernel, low) + jnp.pad(kernel, high)
    return kernel


class UpsampleConv(SquareKernel):
    """Nearest-neighbour upsampling by two and a convolution that keeps the size.

    Both together are one transposed convolution of stride 2, whose kernel is one pixel larger and sums shifted copies
    of this one: (k + 1)² instead of 4k² multiplications for each input pixel. The kernel's side k is odd.
    """

    def transform(self, x: Array, kernel: Array) -> Array:
        """Returns upsample(x) ∗ kernel."""
        border, grown = self.kernel_size // 2, tuple(2 * side for side in x.shape[1:3])
        kernel = sum_of_shifts(kernel[::-1, ::-1]).swapaxes(2, 3)
        return conv_input_gradient(x, kernel, 2, ((border, border), (border, border)), grown)


class ConvMeanPool(SquareKernel):
    """A convolution that keeps the size and 2×2 mean pooling, as one convolution of stride 2 (see `UpsampleConv`).

    The kernel's side is odd.
    """

    def transform(self, x: Array, kernel: Array) -> Array:
        """Returns pool(x ∗ kernel)."""
        border = self.kernel_size // 2
        return conv(x, sum_of_shifts(kernel) / 4, 2, ((border, border), (border, border)))


def logit(x: Array, train: bool | None = None, **linear) -> Array:
    """Returns one logit per example by a dense layer named "logit", in at least float32 whatever came before.

    Args:
      x: float[batch, ...], flattened.
      train: see `Linear`.
      **linear: fields of `Dense`.
    Returns:
      float[batch].
    """
    return Dense(1, name="logit", **linear)(at_least_float32(x.reshape(x.shape[0], -1)), train)[:, 0]


class Maps(nn.Module):
    """Identity that marks a network's feature maps after norm and activation, see `attribution`."""

    def __call__(self, x: Array) -> Array:
        """Returns x, float[batch, height, width, channel]."""
        return x


class Dropout(nn.Module):
    """Dropout by one key per example, so that the masks do not depend on how a batch is spread over devices.

    The module's path is folded into the keys: layers called with the same keys draw different masks.

    Attributes:
      rate: fraction of the activations that are set to zero; the others are divided by 1 − rate.
    Reference: Srivastava et al. 2014, section 10 (inverted scaling).
    """

    rate: float

    @nn.compact
    def __call__(self, x: Array, keys: Array | None, train: bool) -> Array:
        """Returns x with some activations dropped, or x itself where `train` is False.

        Args:
          x: float[batch, ...].
          keys: key[batch], one per example; may be None where `train` is False.
          train: whether to drop.
        Returns:
          float[batch, ...].
        Raises:
          ValueError: if there is not one key per example.
        """
        if not train or self.rate == 0:
            return x
        if keys is None or keys.shape != x.shape[:1]:
            actual = "none" if keys is None else f"keys of shape {keys.shape}"
            raise ValueError(f"dropout needs one key for each of the {len(x)} examples, and was given {actual}")
        path_hash = np.uint32(zlib.crc32("/".join(self.path).encode()))
        draw = lambda key: jax.random.bernoulli(jax.random.fold_in(key, path_hash), 1 - self.rate, x.shape[1:])
        return jnp.where(jax.vmap(draw)(keys), x / (1 - self.rate), 0).astype(x.dtype)
