"""DiffAugment: random changes of real and generated images alike, through which the generator's gradient flows.

It stands here and not among the degradations because it works on what a discriminator sees, images in [-1, 1], where 0
is the grey with which it fills; a degradation works in [0, 1].
Reference: Zhao, Liu, Lin, Zhu, Han 2020, section 3.2, with the strengths of the authors' code.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import unknown

SHIFT = 1 / 8
HOLE = 1 / 2


def rounded(number: float) -> int:
    """Returns the nearest integer, the larger of two that are equally near."""
    return int(number + 0.5)


def color(key: Array, image: Array) -> Array:
    """Returns the image with random brightness (±0.5), saturation (times 0 to 2) and contrast (times 0.5 to 1.5)."""
    brightness, saturation, contrast = jax.random.uniform(key, (3,), image.dtype)
    image = image + brightness - 0.5
    grey = image.mean(-1, keepdims=True)
    image = grey + 2 * saturation * (image - grey)
    level = image.mean()
    return level + (contrast + 0.5) * (image - level)


def translation(key: Array, image: Array) -> Array:
    """Returns the image moved by up to an eighth of its sides, filled with zeros."""
    limits = [rounded(side * SHIFT) for side in image.shape[:2]]
    padded = jnp.pad(image, [(r, r) for r in limits] + [(0, 0)])
    offset = jax.random.randint(key, (2,), 0, 2 * jnp.array(limits) + 1)
    return lax.dynamic_slice(padded, (offset[0], offset[1], 0), image.shape)


def cutout(key: Array, image: Array) -> Array:
    """Returns the image with a rectangle of half its sides set to zero, whose centre is anywhere; edges cut it."""
    holes = [rounded(side * HOLE) for side in image.shape[:2]]
    # A rectangle of an even side is centred between two pixels, or on the image's edge.
    centres = [side + 1 - hole % 2 for side, hole in zip(image.shape[:2], holes, strict=True)]
    first = jax.random.randint(key, (2,), 0, jnp.array(centres)) - jnp.array(holes) // 2
    place = [jnp.arange(side) - first[axis] for axis, side in enumerate(image.shape[:2])]
    inside = [(x >= 0) & (x < hole) for x, hole in zip(place, holes, strict=True)]
    return jnp.where((inside[0][:, None] & inside[1])[..., None], 0, image)


AUGMENTATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}
"""Augmentations by name, (key, image) -> image."""


def diff_augment(keys: Array, images: Array, policy: Sequence[str]) -> Array:
    """Returns the images changed at random, differentiable with respect to them.

    Args:
      keys: key[batch], one for each example.
      images: float[batch, height, width, channel] in [-1, 1].
      policy: names in `AUGMENTATIONS`, applied in this order.
    Returns:
      float[batch, height, width, channel]; color may leave [-1, 1].
    Raises:
      UsageError: if a name is unknown.
    Reference: Zhao et al. 2020, section 3.2.
    """
    for index, name in enumerate(policy):
        if name not in AUGMENTATIONS:
            raise unknown("augmentation", name, AUGMENTATIONS)
        images = jax.vmap(lambda key, x, i=index, f=AUGMENTATIONS[name]: f(jax.random.fold_in(key, i), x))(keys, images)
    return images
