"""What every comparison of two sets of features asks of them, and says where it is not so."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Features = Array | np.ndarray


def is_traced(*arrays: Features) -> bool:
    """Returns whether any of the arrays stands for values that are not known before the program runs."""
    return any(isinstance(array, jax.core.Tracer) for array in arrays)


def not_finite(features: Features) -> np.ndarray:
    """Returns the numbers of the samples with a feature that is NaN or infinite, int[k]."""
    xp = jnp if isinstance(features, Array) else np
    return np.flatnonzero(~np.asarray(xp.isfinite(features).all(axis=tuple(range(1, np.ndim(features))))))


def require_finite(features: Features, batch_size: int) -> None:
    """Raises where features are not finite, and says in which batch.

    Args:
      features: float[n, ...], of samples that came in batches, in their order; values, not traced.
      batch_size: samples in a batch; the last may have fewer.
    Raises:
      ValueError: if a feature is NaN or infinite.
    """
    bad = not_finite(features)
    if not bad.size:
        return
    batch = int(bad[0]) // batch_size
    first, last = batch * batch_size, min((batch + 1) * batch_size, len(features)) - 1
    inside = int((bad <= last).sum())
    raise ValueError(
        f"NaN or infinite features in batch {batch} (samples {first} to {last}): {inside} of {last - first + 1} there, "
        f"{len(bad)} of {len(features)} in all; look at those images and at the extractor's weights"
    )


def require_features(real: Features, fake: Features, least: int) -> None:
    """Raises where two sets of features cannot be compared.

    Args:
      real: float[n, d].
      fake: float[m, d].
      least: samples that each must have.
    Raises:
      ValueError: if the shapes do not fit, there are too few samples, or a feature whose value is known is not finite.
    """
    if np.ndim(real) != 2 or np.ndim(fake) != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"features of shapes {np.shape(real)} and {np.shape(fake)}: give [samples, features] twice, with the same "
            "number of features"
        )
    for name, features in (("real", real), ("fake", fake)):
        if len(features) < least:
            raise ValueError(f"{len(features)} {name} samples: give at least {least}")
        bad = () if is_traced(features) else not_finite(features)
        if len(bad):
            raise ValueError(
                f"NaN or infinite features in {len(bad)} of {len(features)} {name} samples, the first is sample "
                f"{bad[0]}: require_finite tells the batch; look at those images and at the extractor's weights"
            )


def nan_unless_finite(value: Array, *features: Array) -> Array:
    """Returns the value, or NaN where features are not finite: comparisons with NaN would count as an answer."""
    finite = jnp.stack([jnp.isfinite(array).all() for array in features]).all()
    return jnp.where(finite, value, jnp.nan)
