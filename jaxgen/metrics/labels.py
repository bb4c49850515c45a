"""Checks of labels."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.metrics.features import is_traced

Labels = Array | np.ndarray


def require_labels(labels: Labels, classes: int | None, name: str = "labels") -> None:
    """Raises if labels are no integers in [0, classes).

    Args:
      labels: int[n]; the values of traced labels are not checked.
      classes: number of classes; None: any integer is a class.
      name: in the message.
    Raises:
      ValueError: if they are no integers, not one-dimensional, empty, or outside the classes.
    """
    if np.ndim(labels) != 1 or not np.size(labels) or not jnp.issubdtype(jnp.result_type(labels), jnp.integer):
        raise ValueError(
            f"{name} of {jnp.result_type(labels)}{list(np.shape(labels))}: give an integer class for each, int[n]"
        )
    if classes is None or is_traced(labels):
        return
    values = np.asarray(labels)
    outside = (values < 0) | (values >= classes)
    if outside.any():
        index = int(outside.argmax())
        raise ValueError(
            f"{name}: {values[index]} at index {index} is outside the {classes} classes 0 to {classes - 1} "
            f"({outside.sum()} of {len(values)} are): give the right number of classes"
        )
