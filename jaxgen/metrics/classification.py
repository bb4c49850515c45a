"""How well predicted classes agree with the true ones. Values are over all samples, or one for each class.

0/0 is 0: precision where a class was never predicted, recall where it never occurs, F1 where it does neither.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.metrics.labels import Labels, require_labels


def require_pairs(predictions: Labels, labels: Labels, classes: int | None) -> None:
    """Raises where there is not one class predicted for each label, both among the classes."""
    if np.shape(predictions) != np.shape(labels):
        raise ValueError(f"{np.shape(predictions)} predictions for {np.shape(labels)} labels: give int[n] of each")
    require_labels(predictions, classes, "predictions")
    require_labels(labels, classes, "labels")


def accuracy(predictions: Labels, labels: Labels, classes: int | None = None) -> Array:
    """Returns the share of samples whose class was predicted.

    Args:
      predictions: int[n] in [0, classes).
      labels: int[n] in [0, classes).
      classes: how many there are; None where nobody knows, and any number is a class.
    Returns:
      float32[] in [0, 1], one value for all samples.
    Raises:
      ValueError: if shapes differ, or a prediction or label is no class. Traced ones are not checked.
    """
    require_pairs(predictions, labels, classes)
    return (jnp.asarray(predictions) == jnp.asarray(labels)).mean()


def confusion_matrix(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Returns how often samples of each class were taken for each class.

    Args:
      predictions: int[n] in [0, classes).
      labels: int[n] in [0, classes).
      classes: how many there are.
    Returns:
      int32[classes, classes], a row for each label and a column for each prediction.
    Raises:
      ValueError: if shapes differ, or a prediction or label is no class. Traced ones are not checked, and a pair with
        one that is no class is not counted.
    """
    require_pairs(predictions, labels, classes)
    # One row of counts beyond the classes takes what is outside; a negative index would count from the end.
    row, column = (jnp.where((x >= 0) & (x < classes), x, classes) for x in map(jnp.asarray, (labels, predictions)))
    counts = jnp.zeros((classes + 1, classes + 1), jnp.int32).at[row, column].add(1)
    return counts[:classes, :classes]


def ratio(parts: Array, wholes: Array) -> Array:
    """Returns parts / wholes, and 0 for 0/0."""
    return jnp.where(wholes > 0, parts / jnp.maximum(wholes, 1), 0)


def precision(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Returns for each class the share of the samples taken for it that are of it; 0 where none was.

    Args, Raises: those of `confusion_matrix`.

    Returns:
      float32[classes].
    """
    matrix = confusion_matrix(predictions, labels, classes)
    return ratio(jnp.diagonal(matrix), matrix.sum(0))


def recall(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Returns for each class the share of its samples that were taken for it; 0 where it has none.

    Args, Raises: those of `confusion_matrix`.

    Returns:
      float32[classes].
    """
    matrix = confusion_matrix(predictions, labels, classes)
    return ratio(jnp.diagonal(matrix), matrix.sum(1))


def f1(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Returns for each class the harmonic mean of precision and recall; 0 where it neither occurs nor was predicted.

    Args, Raises: those of `confusion_matrix`.

    Returns:
      float32[classes].
    """
    matrix = confusion_matrix(predictions, labels, classes)
    return ratio(2 * jnp.diagonal(matrix), matrix.sum(0) + matrix.sum(1))
