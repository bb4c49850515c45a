"""Perceptual distances, of the activations that a network has for two images.

`Maps` are activations float[batch, height, width, channel] of several layers. The networks are in
`jaxgen.models.features`, and `jaxgen.evaluation.perceptual` loads their weights.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

Maps = Sequence[Array]

NORM_EPSILON = 1e-10
"""Added to the length of a pixel's activations before a division by it."""
DISTS_CONSTANT = 1e-6
"""Of both comparisons in DISTS, where means or variances are zero."""


def require_same(reference: Maps, image: Maps) -> None:
    """Raises ValueError where activations differ in number or shape."""
    shapes = [[tuple(x.shape) for x in maps] for maps in (reference, image)]
    if shapes[0] != shapes[1] or not shapes[0]:
        raise ValueError(f"activations of shapes {shapes[0]} and {shapes[1]}: give those of one network")


def normalize(activations: Array) -> Array:
    """Divides the activations of each pixel by their length."""
    length = jnp.sqrt((activations**2).sum(-1, keepdims=True))
    return activations / (length + NORM_EPSILON)


def squared_differences(reference: Maps, image: Maps) -> list[Array]:
    """Returns the mean over pixels of the squared difference of normalized activations, float[batch, channel] each."""
    require_same(reference, image)
    return [((normalize(a) - normalize(b)) ** 2).mean((1, 2)) for a, b in zip(reference, image, strict=True)]


def lpips(reference: Maps, image: Maps, heads: Sequence[Array]) -> Array:
    """Computes LPIPS, a distance that was fitted to human judgements of similarity.

    Args:
      reference: activations of the reference by a trunk, one of `models.features.trunks.TRUNKS`.
      image: those of the image.
      heads: float[channel] for each of them, the published weights.
    Returns:
      float[batch], 0 for equal images.
    Raises:
      ValueError: if shapes do not fit.
    Reference: Zhang, Isola, Efros, Shechtman, Wang 2018, equation 1; version 0.1 of the weights.
    """
    differences = squared_differences(reference, image)
    if [x.shape[1] for x in differences] != [len(head) for head in heads]:
        raise ValueError(f"heads of {[len(x) for x in heads]} channels for {[x.shape[1] for x in differences]}")
    return jnp.sum(jnp.stack([(x * head).sum(1) for x, head in zip(differences, heads, strict=True)]), 0)


def cosine_distance(reference: Maps, image: Maps) -> Array:
    """Computes one minus the cosine of the activations of each pixel, averaged over pixels, then over the layers.

    It is fitted to no judgement of people, and has a meaning only beside the network's name.

    Args:
      reference: activations of the reference.
      image: those of the image.
    Returns:
      float[batch], 0 for equal images, at most 2.
    Raises:
      ValueError: if the shapes differ.
    """
    return jnp.stack([x.sum(1) for x in squared_differences(reference, image)]).mean(0) / 2


def dists(reference: Maps, image: Maps, alpha: Array, beta: Array) -> Array:
    """Computes DISTS, which compares the means of activations (texture) and their correlation (structure).

    Two samples of one texture are near each other, in contrast to LPIPS.

    Args:
      reference: the reference itself, and its activations by VGG-16 with L2 pooling.
      image: the same of the image.
      alpha: float[channel], weights of the means for all maps, one map after the other.
      beta: float[channel], weights of the correlations.
    Returns:
      float[batch], 0 for equal images.
    Raises:
      ValueError: if shapes do not fit.
    Reference: Ding, Ma, Wang, Simoncelli 2020, equations 5 to 8.
    """
    require_same(reference, image)
    channels = [x.shape[-1] for x in reference]
    if len(alpha) != sum(channels) or len(beta) != sum(channels):
        raise ValueError(f"{len(alpha)} and {len(beta)} weights for {sum(channels)} channels: give one for each")
    similarity, begin = jnp.zeros(len(reference[0])), 0
    for x, y, count in zip(reference, image, channels, strict=True):
        mean_x, mean_y = x.mean((1, 2)), y.mean((1, 2))
        centered_x, centered_y = x - mean_x[:, None, None], y - mean_y[:, None, None]
        variances = (centered_x**2).mean((1, 2)) + (centered_y**2).mean((1, 2))
        covariance = (centered_x * centered_y).mean((1, 2))
        texture = (2 * mean_x * mean_y + DISTS_CONSTANT) / (mean_x**2 + mean_y**2 + DISTS_CONSTANT)
        structure = (2 * covariance + DISTS_CONSTANT) / (variances + DISTS_CONSTANT)
        part = slice(begin, begin := begin + count)
        similarity += (alpha[part] * texture + beta[part] * structure).sum(1)
    return 1 - similarity / (alpha.sum() + beta.sum())
