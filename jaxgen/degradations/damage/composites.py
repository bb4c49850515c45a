"""Several overlays on one image, each applied with a probability."""

from collections.abc import Callable, Sequence
from functools import partial

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations.composition import apply_if, compose
from jaxgen.degradations.damage.corrosion import rust
from jaxgen.degradations.damage.masks import random_gray_holes
from jaxgen.degradations.damage.stains import foxing, stain
from jaxgen.degradations.damage.wear import scratches, tears
from jaxgen.degradations.registry import register
from jaxgen.fields import Probability, hyperparameters

Overlay = Callable[..., tuple[Array, Array]]


CompositeHyper = hyperparameters(
    damage_probability=(0.4, "Probability of each kind of damage in torn, worn and ruined.", Probability)
)


def apply_some(
    overlays: Sequence[Overlay], key: Array, images: Array, probability: float | Array = 0.4
) -> tuple[Array, Array]:
    """Returns the images under several overlays, each applied with a probability, and the largest opacity.

    Args:
      overlays: (key[batch], images) -> (images, opacity), applied in this order.
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      probability: of each overlay, in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel], float[batch, height, width, 1]), in the images' dtype.
    """

    def add(overlay: Overlay, key: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        degraded, opacity = overlay(key, state[0])
        return degraded, jnp.maximum(state[1], opacity.astype(images.dtype))

    stages = [apply_if(probability, partial(add, overlay)) for overlay in overlays]
    return compose(*stages)(key, (images, jnp.zeros((*images.shape[:-1], 1), images.dtype)))


def torn(key: Array, images: Array, probability: float | Array = 0.4) -> tuple[Array, Array]:
    """Returns the images with tears and scratches, each with a probability, and the opacity; see `apply_some`."""
    return apply_some((tears, scratches), key, images, probability)


def worn(key: Array, images: Array, probability: float | Array = 0.4) -> tuple[Array, Array]:
    """Returns the images with any of rust, stains, foxing, tears and scratches; see `apply_some`."""
    return apply_some((rust, stain, foxing, tears, scratches), key, images, probability)


def ruined(key: Array, images: Array, probability: float | Array = 0.4) -> tuple[Array, Array]:
    """Returns the images with any of rust, stains, foxing, tears, scratches and holes; see `apply_some`."""
    return apply_some((rust, stain, foxing, tears, scratches, random_gray_holes), key, images, probability)


for composite, about in (
    (torn, "tears and scratches, each with a probability"),
    (worn, "rust, stains, foxing, tears and scratches, each with a probability"),
    (ruined, "rust, stains, foxing, tears, scratches and holes, each with a probability"),
):
    register(
        composite,
        about,
        example={"probability": 1.0},
        returns="opacity",
        sample=lambda keys, images, hyper, composite=composite: composite(keys, images, hyper["damage_probability"]),
        hyper=CompositeHyper,
    )
