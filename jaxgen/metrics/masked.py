"""Metrics of damage detection and of inpainting."""

import jax.numpy as jnp
from jax import Array

from jaxgen.losses.per_example import Images, matched_images
from jaxgen.metrics.metric import Metric


def require_mask(images: Array, mask: Images) -> None:
    """Raises ValueError where a mask has not the height and width of the images, or several channels."""
    if jnp.shape(mask) != (*images.shape[:-1], 1):
        raise ValueError(
            f"a mask of shape {jnp.shape(mask)} for images of shape {images.shape}: "
            "give one of their height and width with one channel"
        )


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
    require_mask(reference, mask)
    weight = jnp.asarray(mask, reference.dtype)
    squares = (weight * (reference - image) ** 2).sum((1, 2, 3)) / (weight.sum((1, 2, 3)) * reference.shape[-1])
    return 10 * jnp.log10(max_value**2 / squares)


def gradient_distance(reference: Images, image: Images, mask: Images, max_value: float = 1.0) -> Array:
    """Computes the Wasserstein-1 distance of the distributions of gradient magnitudes under a mask.

    It compares statistics and not positions: a blurred hole has too few large gradients, noise too many, and a texture
    of the right kind is near the reference wherever its edges are. The gradient of a pixel is the difference to its
    neighbors to the right and below, which may lie outside of the mask: seams count.

    Args:
      reference: float[batch, height, width, channel].
      image: float[batch, height, width, channel].
      mask: [batch, height, width, 1], above 0.5 where a pixel counts.
      max_value: range of the pixels, 1 for images in [0, 1].
    Returns:
      float[batch] in the pixels' unit; 0 for equal images, NaN for an empty mask.
    Raises:
      ValueError: if the shapes do not fit.
    """
    reference, image = matched_images(reference, image, max_value)
    require_mask(reference, mask)
    inside = (jnp.asarray(mask) > 0.5).reshape(len(reference), -1)
    # Pixels outside are sorted behind all others, in both images alike.
    magnitudes = (
        jnp.sort(jnp.where(inside, gradient_magnitude(x).reshape(inside.shape), jnp.inf)) for x in (reference, image)
    )
    first, second = (jnp.where(jnp.isposinf(x), 0, x) for x in magnitudes)
    return abs(first - second).sum(1) / inside.sum(1)


def gradient_magnitude(images: Array) -> Array:
    """Returns the length of the forward differences' vector, root mean square over channels, float[b, h, w].

    Differences over the border of the image are zero.
    """
    rows = jnp.diff(images, axis=1, append=images[:, -1:])
    columns = jnp.diff(images, axis=2, append=images[:, :, -1:])
    return jnp.sqrt((rows**2 + columns**2).mean(-1))


MASKED_METRICS = {
    "masked_psnr": Metric(masked_psnr, "maximize", 2, about="PSNR of the pixels that damage has hidden, in dB"),
    "gradient_distance": Metric(
        lambda reference, image, mask: 255 * gradient_distance(reference, image, mask),
        "minimize",
        2,
        about="distance of the gradients' distributions in the hidden pixels, in gray levels",
    ),
}
"""The metrics of hidden pixels by name: columns where damage hides pixels."""
INPAINTING_METRICS = (*MASKED_METRICS, "ssim")
"""The metrics of an inpainter where none are chosen."""


def counted(mask: Images, predicted: Images, threshold: float) -> tuple[Array, Array, Array]:
    """Returns the pixels in both masks, in the true one and in the predicted one, float32[batch]; see `mask_iou`."""
    if jnp.shape(mask) != jnp.shape(predicted):
        raise ValueError(f"masks of shapes {jnp.shape(mask)} and {jnp.shape(predicted)}: give two of equal shape")
    a, b = (jnp.asarray(x) > threshold for x in (mask, predicted))
    both, true, found = (x.sum((1, 2, 3), dtype=jnp.float32) for x in (a & b, a, b))
    return both, true, found


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
    both, true, found = counted(mask, predicted, threshold)
    union = true + found - both
    return jnp.where(union > 0, both / jnp.maximum(union, 1), 1.0)


def mask_precision(mask: Images, predicted: Images, threshold: float = 0.5) -> Array:
    """Computes the fraction of the predicted pixels that are damaged, NaN if none is predicted; see `mask_iou`."""
    both, _, found = counted(mask, predicted, threshold)
    return both / found


def mask_recall(mask: Images, predicted: Images, threshold: float = 0.5) -> Array:
    """Computes the fraction of the damaged pixels that are predicted, NaN if none is damaged; see `mask_iou`."""
    both, true, _ = counted(mask, predicted, threshold)
    return both / true
