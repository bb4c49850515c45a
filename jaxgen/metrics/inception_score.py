"""The Inception Score: confidence of a classifier in each image, and diversity of the predicted classes."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import xlogy

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, is_traced

TOLERANCE = 1e-2
"""Largest error of the sum of a row of probabilities, which may be in half precision."""


def inception_score(probabilities: Features, splits: int = 10) -> tuple[Array, Array]:
    """Computes mean and standard deviation over splits of exp(mean KL(p(class | image) ‖ p(class))).

    Splits are consecutive images, in nearly equal numbers: shuffle sorted images first. It is the Inception Score only
    with the probabilities of InceptionV3.

    Args:
      probabilities: float[n, classes]; each row sums to 1.
      splits: number of splits; published tables use 10 of 50,000 images.
    Returns:
      (float[], float[]); the mean is from 1 to the number of classes, the deviation is divided by the number of splits.
      NaN for traced probabilities that are not finite.
    Raises:
      ValueError: if the shape does not fit, there are fewer images than splits, or the rows are no probabilities.
    Reference: Salimans et al. 2016, section 4.
    """
    if np.ndim(probabilities) != 2:
        raise ValueError(f"probabilities of shape {np.shape(probabilities)}: give [images, classes]")
    count = len(probabilities)
    if not 1 <= splits <= count:
        raise ValueError(f"{splits} splits of {count} images: give at least one split and one image for each")
    if not is_traced(probabilities):
        require_probabilities(np.asarray(probabilities))
    probabilities = promoted(probabilities)
    edges = [i * count // splits for i in range(splits + 1)]
    scores = jnp.stack([split_score(probabilities[a:b]) for a, b in pairwise(edges)])
    return scores.mean(), scores.std()


def require_probabilities(rows: np.ndarray) -> None:
    """Raises ValueError if rows are no probabilities, for example logits."""
    wrong = ~((rows >= 0).all(1) & (np.abs(rows.sum(1, dtype=np.float64) - 1) < TOLERANCE))
    if wrong.any():
        raise ValueError(
            f"row {wrong.argmax()} is the first of {wrong.sum()} that are not probabilities, at least 0 and with "
            "sum 1: give the softmax of the logits"
        )


def split_score(rows: Array) -> Array:
    """Returns the score of one split."""
    marginal = rows.mean(0)
    # 0 log 0 counts as 0, also for a class that no image has.
    logarithm = jnp.log(jnp.where(marginal > 0, marginal, 1))
    return jnp.exp((xlogy(rows, rows) - rows * logarithm).sum(1).mean())
