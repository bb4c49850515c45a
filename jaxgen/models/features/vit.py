"""Vision transformers whose image features are compared: DINOv2 and CLIP's image encoder, with weights from a file.

Everything is float32 in full precision on every platform, as the features are part of a score's definition. DINOv2's
layer scale is folded into the projections before it.
Reference: Dosovitskiy et al. 2021, equations 1 to 4; Oquab et al. 2024; Radford et al. 2021.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import normal

from jaxgen.models.features.vgg import MEAN, STD
from jaxgen.nn.layers import Dense

HEAD_CHANNELS = 64
"""Channels of an attention head, in every size of both."""
Kind = Literal["DINOv2", "CLIP"]


class Variant(NamedTuple):
    """In what the two networks differ.

    Attributes:
      mean: of an image's channels, which is subtracted.
      std: by which they are divided.
      activation: of the hidden layers.
      epsilon: of the layer norms.
      has_projection: whether a linear map without bias follows.
      norm_first: whether a layer norm stands before the blocks, and the patches have no bias.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    activation: Callable[[Array], Array]
    epsilon: float
    has_projection: bool
    norm_first: bool


VARIANTS: dict[str, Variant] = {
    "DINOv2": Variant(MEAN, STD, lambda x: nn.gelu(x, approximate=False), 1e-6, False, False),
    "CLIP": Variant(
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
        lambda x: x * jax.nn.sigmoid(1.702 * x),
        1e-5,
        True,
        True,
    ),
}
"""The two by name."""


def attend(query: Array, key: Array, value: Array) -> Array:
    """Returns softmax(q · k / 8) v of each head, float[batch, token, width], of arrays of that shape."""
    split = lambda x: x.reshape(*x.shape[:2], -1, HEAD_CHANNELS)
    weights = jnp.einsum("bqhc,bkhc->bhqk", split(query), split(key)) / HEAD_CHANNELS**0.5
    return jnp.einsum("bhqk,bkhc->bqhc", jax.nn.softmax(weights), split(value)).reshape(query.shape)


class Block(nn.Module):
    """Attention and two dense layers, each after a layer norm and added to its input.

    Attributes:
      variant: name in `VARIANTS`.
    """

    variant: Kind

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, token, width]."""
        variant, width = VARIANTS[self.variant], x.shape[-1]
        y = norm(variant, "norm_1")(x)
        x += Dense(width, name="attention_out")(attend(*(Dense(width, name=n)(y) for n in ("query", "key", "value"))))
        y = variant.activation(Dense(4 * width, name="mlp_in")(norm(variant, "norm_2")(x)))
        return x + Dense(width, name="mlp_out")(y)


def norm(variant: Variant, name: str) -> nn.LayerNorm:
    """Returns a layer norm."""
    return nn.LayerNorm(variant.epsilon, use_fast_variance=False, name=name)


class VisionTransformer(nn.Module):
    """A vision transformer; its features are those of the class token.

    Attributes:
      variant: name in `VARIANTS`.
      size: height and width of an image in pixels, a multiple of the patch's.
      patch: height and width of a patch in pixels.
      width: channels, a multiple of 64.
      depth: number of blocks.
      features: channels of the projection; without one the width.
    """

    variant: Kind
    size: int
    patch: int
    width: int
    depth: int
    features: int

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Returns features float32[batch, features].

        Args:
          images: float[batch, size, size, 3] in [0, 1].
        Raises:
          ValueError: if the images have another shape, or are integers.
        """
        if images.ndim != 4 or images.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"images of shape {images.shape}: give [batch, {self.size}, {self.size}, 3]")
        if not jnp.issubdtype(images.dtype, jnp.floating):
            raise ValueError(f"images of {images.dtype}: give floats in [0, 1]; divide gray levels by 255")
        variant, batch, rows = VARIANTS[self.variant], len(images), self.size // self.patch
        with jax.default_matmul_precision("highest"):
            x = (images.astype(jnp.float32) - jnp.array(variant.mean)) / jnp.array(variant.std)
            x = x.reshape(batch, rows, self.patch, rows, self.patch, 3).swapaxes(2, 3).reshape(batch, rows**2, -1)
            x = Dense(self.width, use_bias=not variant.norm_first, name="patches")(x)
            token = self.param("token", normal(0.02), (self.width,))
            positions = self.param("positions", normal(0.02), (rows**2 + 1, self.width))
            x = jnp.concatenate([jnp.broadcast_to(token, (batch, 1, self.width)), x], 1) + positions
            x = norm(variant, "norm_first")(x) if variant.norm_first else x
            for i in range(self.depth):
                x = Block(self.variant, name=f"block_{i}")(x)
            x = norm(variant, "norm_last")(x[:, 0])
            return Dense(self.features, use_bias=False, name="projection")(x) if variant.has_projection else x


def resize_to(images: Array, size: int) -> Array:
    """Resizes images by antialiased bicubic interpolation as Pillow does.

    Pillow resizes the rows, then the columns, and clips and rounds to 8 bits after each.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      size: new height and width in pixels.
    Returns:
      float[batch, size, size, channel] in [0, 1]; images of that size as they are.
    """
    for axis in (2, 1):
        shape = tuple(size if i == axis else side for i, side in enumerate(images.shape))
        if shape != images.shape:
            with jax.default_matmul_precision("highest"):
                images = jax.image.resize(images, shape, "cubic", antialias=True)
            images = jnp.round(jnp.clip(images, 0, 1) * 255) / 255
    return images
