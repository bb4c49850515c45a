"""Metrics of damage detection and of inpainting."""

import jax.numpy as jnp
from jax import Array

from jaxgen.losses.per_example import Images, matched_images


def masked_psnr(reference: Images, image: Images, mask: Images, max_value: float = 1.0) -> Array:
    """Computes the peak signal-to-noise ratio of the masked pixels.

    Args:
      reference: float[batch, height, width, channel].
      image: float[batch, height, width, channel].
      mask: [batch, height, width, 1], weight of each pixel in [0, 1].
      max_value: range of the pixels, 1 for images in [0, 1].
    Returns:
      float[batch], dB; infinite for equal pixels, NaN for an empty mask.
    Raises:
      ValueError: if the shapes do not fit.
    """
    reference, image = matched_images(reference, image, max_value)
    if jnp.shape(mask) != (*reference.shape[:-1], 1):
        raise ValueError(
            f"a mask of shape {jnp.shape(mask)} for images of shape {reference.shape}: "
            "give one of their height and width with one channel"
        )
    weight = jnp.asarray(mask, reference.dtype)
    squares = (weight * (reference - image) ** 2).sum((1, 2, 3)) / (weight.sum((1, 2, 3)) * reference.shape[-1])
    return 10 * jnp.log10(max_value**2 / squares)


def mask_iou(mask: Images, predicted: Images, threshold: float = 0.5) -> Array:
    """Computes the intersection over union of two masks.

    Args:
      mask: [batch, height, width, 1] in [0, 1], the true mask.
      predicted: the predicted mask, of the same shape.
      threshold: above which a pixel belongs to a mask.
    Returns:
      float32[batch] in [0, 1]; 1 if both masks are empty.
    Raises:
      ValueError: if the shapes differ.
    """
    if jnp.shape(mask) != jnp.shape(predicted):
        raise ValueError(f"masks of shapes {jnp.shape(mask)} and {jnp.shape(predicted)}: give two of equal shape")
    a, b = (jnp.asarray(x) > threshold for x in (mask, predicted))
    intersection, union = (x.sum((1, 2, 3), dtype=jnp.float32) for x in (a & b, a | b))
    return jnp.where(union > 0, intersection / jnp.maximum(union, 1), 1.0)
