"""Metrics of predicted classes against labels.

0/0 counts as 0: the precision of a class that is never predicted, the recall of one that never occurs, and F1 of both.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.metrics.labels import Labels, require_labels


def require_pairs(predictions: Labels, labels: Labels, classes: int | None) -> None:
    """Raises ValueError if predictions and labels differ in shape or are no classes."""
    if np.shape(predictions) != np.shape(labels):
        raise ValueError(f"{np.shape(predictions)} predictions for {np.shape(labels)} labels: give int[n] of each")
    require_labels(predictions, classes, "predictions")
    require_labels(labels, classes, "labels")


def accuracy(predictions: Labels, labels: Labels, classes: int | None = None) -> Array:
    """Computes the fraction of samples whose class is predicted correctly.

    Args:
      predictions: int[n] in [0, classes).
      labels: int[n] in [0, classes).
      classes: number of classes; None: any non-negative integer is a class.
    Returns:
      float32[] in [0, 1].
    Raises:
      ValueError: if the shapes differ, or a prediction or label is no class (traced arrays are not checked).
    """
    require_pairs(predictions, labels, classes)
    return (jnp.asarray(predictions) == jnp.asarray(labels)).mean()


def confusion_matrix(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Counts the samples by label and prediction.

    Args:
      predictions: int[n] in [0, classes).
      labels: int[n] in [0, classes).
      classes: number of classes.
    Returns:
      int32[classes, classes], a row for each label and a column for each prediction.
    Raises:
      ValueError: if the shapes differ, or a prediction or label is no class. Traced arrays are not checked; pairs that
        are no classes are not counted.
    """
    require_pairs(predictions, labels, classes)
    # An additional row and column count what is no class; a negative index would count from the end.
    row, column = (jnp.where((x >= 0) & (x < classes), x, classes) for x in map(jnp.asarray, (labels, predictions)))
    counts = jnp.zeros((classes + 1, classes + 1), jnp.int32).at[row, column].add(1)
    return counts[:classes, :classes]


def ratio(counts: Array, totals: Array) -> Array:
    """Returns counts / totals, and 0 for 0/0."""
    return jnp.where(totals > 0, counts / jnp.maximum(totals, 1), 0)


def count_classes(predictions: Labels, labels: Labels, classes: int) -> tuple[Array, Array, Array]:
    """Counts for each class the correct predictions, all predictions and all labels; see `confusion_matrix`."""
    matrix = confusion_matrix(predictions, labels, classes)
    return jnp.diagonal(matrix), matrix.sum(0), matrix.sum(1)


def precision(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Computes for each class the fraction of the samples predicted as it that belong to it; 0 if there are none.

    Args, Raises: those of `confusion_matrix`.

    Returns:
      float32[classes].
    """
    correct, predicted, _ = count_classes(predictions, labels, classes)
    return ratio(correct, predicted)


def recall(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Computes for each class the fraction of its samples that are predicted as it; 0 if it has none.

    Args, Raises: those of `confusion_matrix`.

    Returns:
      float32[classes].
    """
    correct, _, actual = count_classes(predictions, labels, classes)
    return ratio(correct, actual)


def f1(predictions: Labels, labels: Labels, classes: int) -> Array:
    """Computes for each class the harmonic mean of precision and recall; 0 if it neither occurs nor is predicted.

    Args, Raises: those of `confusion_matrix`.

    Returns:
      float32[classes].
    """
    correct, predicted, actual = count_classes(predictions, labels, classes)
    return ratio(2 * correct, predicted + actual)
