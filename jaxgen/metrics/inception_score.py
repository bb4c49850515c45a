"""The Inception Score: how sure a classifier is of each image, and how many classes it finds in all."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import xlogy

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, is_traced

# How far from 1 a row of probabilities in half precision may add up to.
TOLERANCE = 1e-2


def inception_score(probabilities: Features, splits: int = 10) -> tuple[Array, Array]:
    """Returns mean and standard deviation over splits of exp(mean KL(p(class | image) ‖ p(class))).

    Splits are consecutive parts of nearly the same size: images that are sorted in any way are shuffled by the caller.
    Its name is Inception Score only where the probabilities are those of `models.inception`.

    Args:
      probabilities: float[n, classes], each row adding up to 1.
      splits: parts whose scores are averaged; 10 in published tables, of 50,000 images.
    Returns:
      (float[], float[]), from 1 to the number of classes; the deviation is that of the splits (divided by their
      number). NaN for probabilities that turn out not to be finite in a compiled program.
    Raises:
      ValueError: if the shape is another, there are fewer images than splits, or the rows are not probabilities.
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
    """Raises where rows are not probabilities; logits are the usual mistake."""
    wrong = ~((rows >= 0).all(1) & (np.abs(rows.sum(1, dtype=np.float64) - 1) < TOLERANCE))
    if wrong.any():
        raise ValueError(
            f"row {wrong.argmax()} is the first of {wrong.sum()} that are not probabilities, at least 0 and adding up "
            "to 1: give the softmax of the logits"
        )


def split_score(rows: Array) -> Array:
    """Returns the score of one split."""
    marginal = rows.mean(0)
    # A class of probability 0 adds nothing, also where no image has it and its logarithm is infinite.
    logarithm = jnp.log(jnp.where(marginal > 0, marginal, 1))
    return jnp.exp((xlogy(rows, rows) - rows * logarithm).sum(1).mean())
