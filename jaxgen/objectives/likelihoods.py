"""What a decoder's numbers say of a pixel: log p(x|z) and the image that is shown, by name."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.fields import Positive, hyperparameters
from jaxgen.losses import variational
from jaxgen.training.schedules import Hyper

SCALES = (-7.0, 1.0)
"""Bounds of the log scale of a discretised logistic, in the units of the images: a quarter of a grey level, and 2.7."""


class Likelihood(NamedTuple):
    """A distribution of images given what a decoder makes of a code.

    Attributes:
      nll: (decoded, images, hyper) -> −log p(x|z), float[batch], nats summed over pixels.
      image: decoded -> the image to show, float[batch, h, w, c] in [0, 1].
      numbers: that the decoder gives for each value of a pixel.
      levels: of the intensities that it is a probability of; 0: it is a density of continuous ones.
      hyper: the dataclass of its hyperparameters: names, defaults and help; None without.
    """

    nll: Callable[[Array, Array, Hyper], Array]
    image: Callable[[Array], Array]
    numbers: int
    levels: int
    hyper: type | None = None


def bernoulli(decoded: Array, images: Array, hyper: Hyper) -> Array:
    """Returns −log p(x|z) where the decoder gives logits."""
    return variational.bernoulli_nll(decoded, images)


def gaussian(decoded: Array, images: Array, hyper: Hyper) -> Array:
    """Returns −log p(x|z) where the decoder gives means, and `likelihood_scale` is the standard deviation."""
    return variational.gaussian_nll(decoded, images, hyper["likelihood_scale"])


def logistic(decoded: Array, images: Array, hyper: Hyper) -> Array:
    """Returns −log P(x|z) where the decoder gives a mean and a log scale for each value of 256 levels."""
    mean, log_scale = jnp.split(decoded, 2, -1)
    return variational.discretised_logistic_nll(mean, jnp.clip(log_scale, *SCALES), images)


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Likelihood(bernoulli, jax.nn.sigmoid, 1, 2),
    "gaussian": Likelihood(
        gaussian,
        lambda decoded: jnp.clip(decoded, 0, 1),
        1,
        0,
        hyperparameters(
            likelihood_scale=(
                0.1,
                "Standard deviation of the Gaussian likelihood, in units of the [0, 1] range.",
                Positive,
            )
        ),
    ),
    "logistic": Likelihood(logistic, lambda decoded: jnp.clip(jnp.split(decoded, 2, -1)[0], 0, 1), 2, 256),
}
"""Likelihoods of an image given its code, by name."""
