"""Discriminators for image restoration: of whole crops as in SRGAN, and of patches as in pix2pix."""

from typing import Any

import jax
from flax import linen as nn
from jax import Array

from jaxgen.nn.layers import Conv, Dense, at_least_float32, logit
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.normalization import make_norm

SLOPE = 0.2


class CropDiscriminator(SynchronizedNetwork):
    """One logit per image: pairs of 3×3 convolutions, the second of stride 2, then two dense layers.

    Attributes:
      widths: channels of each pair.
      hidden: units of the first dense layer.
      norm: "batch", "layer", "instance", "spectral" or "none"; the first convolution has only "spectral".
    Reference: Ledig et al. 2017, figure 4.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    hidden: int = 1024
    norm: str = "batch"

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns float[batch], logits of images float[batch, height, width, channel] in [-1, 1], of a fixed size."""
        norm = make_norm(self.norm, self.axis_name, **self.dtypes)
        linear: dict[str, Any] = {"use_bias": self.norm != "batch", "spectral": self.norm == "spectral"} | self.dtypes
        x = images
        for i, width in enumerate(self.widths):
            for stride in (1, 2):
                name = f"{i}_{stride}"
                x = Conv(width, stride=stride, name=f"conv_{name}", **linear)(x, train)
                x = jax.nn.leaky_relu(norm(x, train, f"norm_{name}") if i or stride > 1 else x, SLOPE)
        spectral: dict[str, Any] = {"spectral": self.norm == "spectral"}
        x = Dense(self.hidden, name="dense", **spectral, **self.dtypes)(x.reshape(len(x), -1), train)
        return logit(jax.nn.leaky_relu(x, SLOPE), train, param_dtype=self.param_dtype, **spectral)


class PatchDiscriminator(SynchronizedNetwork):
    """One logit per patch (70×70 pixels with three widths), for images of any size.

    Attributes:
      widths: channels of the convolutions of stride 2, before one of stride 1 with twice the last width and the logits.
      norm: "batch", "layer", "instance", "spectral" or "none"; the first convolution has only "spectral".
    Reference: Isola, Zhu, Zhou, Efros 2017, section 3.2.2 and appendix 6.1.2.
    """

    widths: tuple[int, ...] = (64, 128, 256)
    norm: str = "instance"

    @nn.compact
    def __call__(self, images: Array, train: bool) -> Array:
        """Returns float[batch, rows, columns], logits of images float[batch, height, width, channel] in [-1, 1]."""
        norm = make_norm(self.norm, self.axis_name, **self.dtypes)
        spectral: dict[str, Any] = {"spectral": self.norm == "spectral"}
        linear: dict[str, Any] = (
            {"use_bias": self.norm not in ("batch", "instance"), "padding": ((1, 1), (1, 1))} | spectral | self.dtypes
        )
        x = images
        for i, width in enumerate((*self.widths, 2 * self.widths[-1])):
            stride = 2 if i < len(self.widths) else 1
            fields: dict[str, Any] = linear | ({} if i else {"use_bias": True})
            x = Conv(width, 4, stride, name=f"conv_{i}", **fields)(x, train)
            x = jax.nn.leaky_relu(norm(x, train, f"norm_{i}") if i else x, SLOPE)
        last = Conv(1, 4, padding=((1, 1), (1, 1)), name="logit", param_dtype=self.param_dtype, **spectral)
        return last(at_least_float32(x), train)[..., 0]
