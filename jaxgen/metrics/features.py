"""Checks of the features of two sets of images."""

import jax.core
import jax.numpy as jnp
import numpy as np
from jax import Array

Features = Array | np.ndarray


def is_traced(*arrays: Features) -> bool:
    """Returns whether any of the arrays is traced, so that its values are unknown."""
    return any(isinstance(array, jax.core.Tracer) for array in arrays)


def not_finite(features: Features) -> np.ndarray:
    """Returns the indices of the samples with a NaN or infinite feature, int[k]."""
    xp = jnp if isinstance(features, Array) else np
    return np.flatnonzero(~np.asarray(xp.isfinite(features).all(axis=tuple(range(1, np.ndim(features))))))


def require_finite(features: Features, batch_size: int) -> None:
    """Raises if features are not finite, with the batch in the message.

    Args:
      features: float[n, ...] of the concatenated batches, not traced.
      batch_size: samples in a batch; the last batch may have fewer.
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
        f"{len(bad)} of {len(features)} in total; check those images and the weights of the extractor"
    )


def require_features(real: Features, fake: Features, least: int) -> None:
    """Raises if two sets of features cannot be compared.

    Args:
      real: float[n, d].
      fake: float[m, d].
      least: smallest number of samples of each set.
    Raises:
      ValueError: if the shapes do not fit, there are too few samples, or a feature is not finite (unless traced).
    """
    if np.ndim(real) != 2 or np.ndim(fake) != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"features of shapes {np.shape(real)} and {np.shape(fake)}: give [samples, features] twice, with the same "
            "number of features"
        )
    for name, features in (("real", real), ("fake", fake)):
        if len(features) < least:
            raise ValueError(f"{len(features)} {name} samples: give at least {least}")
        bad = np.empty(0, int) if is_traced(features) else not_finite(features)
        if bad.size:
            raise ValueError(
                f"NaN or infinite features in {len(bad)} of {len(features)} {name} samples, the first is sample "
                f"{bad[0]} (require_finite names the batch); check those images and the weights of the extractor"
            )


def nan_unless_finite(value: Array, *features: Array) -> Array:
    """Returns the value, or NaN if features are not finite: comparisons with NaN are false and would be counted."""
    finite = jnp.stack([jnp.isfinite(array).all() for array in features]).all()
    return jnp.where(finite, value, jnp.nan)
