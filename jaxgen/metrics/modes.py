"""Mode coverage of a generator, from the classes of its samples."""

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import xlogy

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.labels import Labels, require_labels


def mode_coverage(labels: Labels, classes: int) -> tuple[Array, Array]:
    """Counts the classes of the samples, and computes the divergence of their frequencies from uniform ones.

    Args:
      labels: int[n], the class of each generated sample.
      classes: number of modes, which are equally frequent in the data.
    Returns:
      (int32[], float32[]): number of modes, and the reverse KL(generated ‖ uniform) in nats, from 0 to log(classes);
      NaN for traced labels that are outside the classes.
    Raises:
      ValueError: if labels are no integers, empty, or outside the classes (unless traced).
    Reference: Lin et al. 2018 (PacGAN), after Srivastava et al. 2017 (VEEGAN).
    """
    require_labels(labels, classes)
    labels = jnp.asarray(labels)
    counts = jnp.bincount(labels, length=classes)
    frequencies = promoted(counts) / len(labels)
    divergence = xlogy(frequencies, frequencies * classes).sum()
    valid = ((labels >= 0) & (labels < classes)).all()
    return (counts > 0).sum(), jnp.where(valid, divergence, jnp.nan)
