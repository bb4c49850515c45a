"""Which modes of the data a generator reaches, from the classes of its samples."""

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import xlogy

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.labels import Labels, require_labels


def mode_coverage(labels: Labels, classes: int) -> tuple[Array, Array]:
    """Returns how many classes the samples have, and how far their shares are from even ones.

    Args:
      labels: int[n], the class of each generated sample.
      classes: how many modes there are, all as likely in the data.
    Returns:
      (int32[], float32[]): modes covered, and the reverse KL(generated ‖ even) in nats, from 0 to log(classes); NaN for
      labels that turn out to be outside the classes in a compiled program.
    Raises:
      ValueError: if labels are no integers, none, or outside the classes where their values are known.
    Reference: Lin et al. 2018 (PacGAN), after Srivastava et al. 2017 (VEEGAN).
    """
    require_labels(labels, classes)
    labels = jnp.asarray(labels)
    counts = jnp.bincount(labels, length=classes)
    shares = promoted(counts) / len(labels)
    divergence = xlogy(shares, shares * classes).sum()
    known = ((labels >= 0) & (labels < classes)).all()
    return (counts > 0).sum(), jnp.where(known, divergence, jnp.nan)
