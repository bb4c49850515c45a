"""Distances between an image and its reference, and the roughness of one image."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.fields import Positive, hyperparameters
from jaxgen.losses import similarity
from jaxgen.losses.per_example import Images, matched, mean, promoted, total


def mse(reference: Images, image: Images) -> Array:
    """Returns the mean squared difference.

    Args:
      reference: float[batch, ...].
      image: float[batch, ...].
    Returns:
      float[batch], averaged over pixels and channels.
    Raises:
      ValueError: if the shapes differ.
    """
    reference, image = matched(reference, image)
    return mean((image - reference) ** 2)


def l1(reference: Array, image: Array) -> Array:
    """Returns the mean absolute difference.

    Args:
      reference: float[batch, ...].
      image: float[batch, ...].
    Returns:
      float[batch], averaged over pixels and channels.
    Raises:
      ValueError: if the shapes differ.
    """
    reference, image = matched(reference, image)
    return mean(abs(image - reference))


def charbonnier(reference: Array, image: Array, epsilon: float = 1e-3) -> Array:
    """Returns the mean of √(difference² + ε²), an absolute difference that is smooth at 0.

    Args:
      reference: float[batch, ...].
      image: float[batch, ...].
      epsilon: below which difference the loss is quadratic, in units of the images; above 0.
    Returns:
      float[batch], averaged over pixels and channels; ε for equal images.
    Raises:
      ValueError: if the shapes differ.
    Reference: Lai et al. 2017, section 3.2.
    """
    reference, image = matched(reference, image)
    return mean(jnp.sqrt((image - reference) ** 2 + epsilon**2))


def huber(reference: Array, image: Array, delta: float | Array = 0.1) -> Array:
    """Computes the Huber loss: quadratic for differences up to `delta`, linear beyond, so that outliers count less.

    Args:
      reference: float[batch, ...].
      image: float[batch, ...].
      delta: difference at which the loss becomes linear, in units of the images; above 0.
    Returns:
      float[batch], averaged over pixels and channels.
    Raises:
      ValueError: if the shapes differ.
    Reference: Huber 1964, section 4.
    """
    reference, image = matched(reference, image)
    difference = abs(image - reference)
    quadratic = jnp.minimum(difference, delta)
    return mean(quadratic * (difference - quadratic / 2))


def ssim(reference: Array, image: Array, max_value: float = 1.0) -> Array:
    """Returns 1 − the structural similarity; see `similarity.ssim`.

    Args:
      reference: float[batch, height, width, channel].
      image: float[batch, height, width, channel].
      max_value: the images' range, 1 for images in [0, 1].
    Returns:
      float[batch] in [0, 2]; 0 for equal images.
    Raises:
      ValueError: if the shapes differ or the images are smaller than 11×11 pixels.
    Reference: Wang et al. 2004, equation 13.
    """
    return 1 - similarity.ssim(reference, image, max_value)


def total_variation(image: Array) -> Array:
    """Returns the sum of the absolute differences between vertical and between horizontal neighbours.

    Args:
      image: float[batch, height, width, channel].
    Returns:
      float[batch], summed over pixels and channels.
    Reference: Rudin, Osher, Fatemi 1992, in its anisotropic form.
    """
    image = promoted(image)
    return total(abs(jnp.diff(image, axis=1))) + total(abs(jnp.diff(image, axis=2)))


def feature(feature_function: Callable[[Array], Any], reference: Array, image: Array) -> Array:
    """Returns the mean squared difference between features, the perceptual loss.

    Args:
      feature_function: images -> features, float[batch, ...] or a tree of them, such as a list of layers.
      reference: float[batch, height, width, channel].
      image: float[batch, height, width, channel].
    Returns:
      float[batch], averaged within each layer and summed over layers.
    Raises:
      ValueError: if the shapes differ.
    Reference: Johnson, Alahi, Fei-Fei 2016, equation 2.
    """
    reference, image = matched(reference, image)
    layers = jax.tree.map(mse, feature_function(reference), feature_function(image))
    return jax.tree.reduce(jnp.add, layers)


class ReconstructionLoss(NamedTuple):
    """A loss of an image and its reference. Its weight is the hyperparameter "NAME_weight".

    Attributes:
      value: (reference, image, hyperparameters) -> float[batch], without the weight; before them the feature function
        where the loss needs one.
      hyper: the dataclass of its hyperparameters: names, defaults and help.
      needs_features: whether it compares features of a network.
    """

    value: Callable[..., Array]
    hyper: type
    needs_features: bool = False


def without_hyper(loss: Callable[[Array, Array], Array]) -> Callable[[Array, Array, Mapping[str, Array]], Array]:
    """Returns a loss that has no hyperparameters but its weight as a function of all hyperparameters."""
    return lambda reference, image, hyper: loss(reference, image)


def weight(name: str, about: str, default: float = 1.0) -> type:
    """Returns the dataclass of a loss's weight."""
    return hyperparameters(**{f"{name}_weight": (default, f"Weight of {about}.")})


LOSSES: dict[str, ReconstructionLoss] = {
    "mse": ReconstructionLoss(without_hyper(mse), weight("mse", "the mean squared error")),
    "l1": ReconstructionLoss(without_hyper(l1), weight("l1", "the mean absolute error")),
    "charbonnier": ReconstructionLoss(without_hyper(charbonnier), weight("charbonnier", "the Charbonnier loss")),
    "huber": ReconstructionLoss(
        lambda reference, image, hyper: huber(reference, image, hyper["huber_delta"]),
        hyperparameters(
            huber_weight=(1.0, "Weight of the Huber loss."),
            huber_delta=(0.1, "Difference at which the Huber loss becomes linear, for images in [0, 1].", Positive),
        ),
    ),
    "ssim": ReconstructionLoss(without_hyper(ssim), weight("ssim", "1 − SSIM")),
    "total_variation": ReconstructionLoss(
        without_hyper(lambda reference, image: total_variation(image) / reference[0].size),
        weight("total_variation", "the restored image's total variation, averaged over pixels and channels", 0.01),
    ),
    "feature": ReconstructionLoss(
        lambda features, reference, image, hyper: feature(features, reference, image),
        weight("feature", "the mean squared difference between features"),
        needs_features=True,
    ),
}
"""Reconstruction losses by name."""
