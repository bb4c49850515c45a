"""Lateral chromatic aberration: a lens magnifies colors differently."""

from typing import Annotated

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations.draws import gray_or_color, image_size, per_image_values, uniform
from jaxgen.degradations.geometry import pixel_grid, sample_bilinear
from jaxgen.degradations.registry import Benchmark, register
from jaxgen.fields import Range, hyperparameters


def chromatic_aberration(key: Array, images: Array, amount: float | Array) -> Array:
    """Magnifies red by 1 + amount and blue by 1 − amount about the center of the images.

    Args:
      key: has no effect.
      images: float[batch, height, width, 1 or 3] in [0, 1]; gray ones remain unchanged.
      amount: difference of magnification, in (−1, 1), one or float[batch]; about 0.002 to 0.01 in cheap lenses.
    Returns:
      float[batch, height, width, channel], in the images' dtype and range, borders reflected.
    Raises:
      ValueError: if the number of amounts is neither 1 nor the batch size.
    Reference: Boult and Wolberg 1992, "Correcting chromatic aberrations using image warping".
    """
    images = gray_or_color(images)
    amounts = per_image_values("amount", amount, len(images))[:, None, None, None]
    if images.shape[-1] == 1:
        return images
    height, width = image_size(images)
    center = jnp.array([width - 1, height - 1], jnp.float32)[:, None, None] / 2
    offsets = pixel_grid((height, width)) - center
    red, green, blue = jnp.split(images, 3, -1)
    red = sample_bilinear(red, center + offsets / (1 + amounts))
    blue = sample_bilinear(blue, center + offsets / (1 - amounts))
    return jnp.concatenate([red, green, blue], -1)


register(
    chromatic_aberration,
    "lateral chromatic aberration of a lens",
    example={"amount": 0.03},
    random=False,
    sample=lambda keys, images, hyper: chromatic_aberration(
        keys, images, uniform(keys, len(images), -hyper["aberration"], hyper["aberration"])
    ),
    hyper=hyperparameters(
        aberration=(
            0.015,
            "Largest chromatic aberration: how much the magnifications of red and blue differ from that of green.",
            Annotated[float, Range(minimum=0, below=1)],
        )
    ),
    benchmark=Benchmark(
        "chromatic aberration, red magnified by 1.01 and blue by 0.99",
        lambda keys, images: chromatic_aberration(keys, images, 0.01),
    ),
)
