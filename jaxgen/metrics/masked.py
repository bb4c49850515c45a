"""How well a damaged place was found, and how well it was filled."""

import jax.numpy as jnp
from jax import Array

from jaxgen.losses.per_example import promoted


def masked_psnr(reference: Array, image: Array, mask: Array, max_value: float = 1.0) -> Array:
    """Returns the peak signal-to-noise ratio over the masked pixels alone.

    Args:
      reference: float[batch, height, width, channel].
      image: float[batch, height, width, channel].
      mask: [batch, height, width, 1], the weight of each pixel: 1 where it counts.
      max_value: the images' range, 1 for images in [0, 1].
    Returns:
      float[batch], dB; infinite for equal pixels, NaN where the mask is empty.
    Raises:
      ValueError: if the shapes do not fit together.
    """
    reference, image = promoted(reference), promoted(image)
    if reference.shape != image.shape or jnp.shape(mask) != (*reference.shape[:-1], 1):
        raise ValueError(
            f"reference {reference.shape}, image {image.shape}, mask {jnp.shape(mask)}: "
            "give two images of one shape, and a mask of their height and width with one channel"
        )
    weight = jnp.asarray(mask, reference.dtype)
    squares = (weight * (reference - image) ** 2).sum((1, 2, 3)) / (weight.sum((1, 2, 3)) * reference.shape[-1])
    return 10 * jnp.log10(max_value**2 / squares)


def mask_iou(mask: Array, found: Array, threshold: float = 0.5) -> Array:
    """Returns the intersection of two masks over their union.

    Args:
      mask: [batch, height, width, 1] in [0, 1], the true one.
      found: the same shape, the one found.
      threshold: above which a pixel belongs to a mask.
    Returns:
      float32[batch] in [0, 1]; 1 where both are empty.
    Raises:
      ValueError: if the shapes differ.
    """
    if jnp.shape(mask) != jnp.shape(found):
        raise ValueError(f"masks of shapes {jnp.shape(mask)} and {jnp.shape(found)}: give two of one shape")
    a, b = (jnp.asarray(x) > threshold for x in (mask, found))
    both, either = (x.sum((1, 2, 3), dtype=jnp.float32) for x in (a & b, a | b))
    return jnp.where(either > 0, both / jnp.maximum(either, 1), 1.0)
