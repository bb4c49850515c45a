"""Named streams of random numbers that do not depend on the number of devices.

A step folds its number into the run's root key, a name into that, and an example's index in the global batch into that.
An example thus gets the same noise on one device, on many, after a resume and in a population.
"""

import enum

import jax
import jax.numpy as jnp
from jax import Array, lax


class Stream(enum.IntEnum):
    """Purpose of random numbers. Members are only ever appended: their values are part of every run's bits."""

    LATENT = 0
    INTERPOLATION = 1
    POSTERIOR = 2
    DEGRADATION = 3
    DROPOUT = 4
    EVALUATION = 5
    SAMPLES = 6
    AUGMENT_REAL = 7
    AUGMENT_FAKE = 8
    SUBSAMPLE = 9
    BINARISATION = 10


def step_key(key: Array, step: Array) -> Array:
    """Returns the key of one training step."""
    return jax.random.fold_in(key, step)


def stream(key: Array, name: Stream, index: int | Array = 0) -> Array:
    """Returns the key of one named stream; `index` distinguishes uses of the same name within a step."""
    return jax.random.fold_in(jax.random.fold_in(key, int(name)), index)


def example_keys(
    key: Array, count: int, axis_name: str | None = None, microbatches: int = 1, first: Array | int = 0
) -> Array:
    """Returns one key for each of this device's examples, by the example's index in the global batch.

    Args:
      key: the stream's key, the same on every device.
      count: examples on this device.
      axis_name: the mapped axis over which the batch is spread, or None.
      microbatches: parts into which the batch was cut before each part was spread over the devices.
      first: index of the first example.
    Returns:
      key[count].
    """
    part = count // microbatches
    device, devices = (0, 1) if axis_name is None else (lax.axis_index(axis_name), lax.axis_size(axis_name))
    inside = device * part + jnp.arange(part)
    offsets = first + jnp.arange(microbatches) * part * devices
    return jax.vmap(lambda i: jax.random.fold_in(key, i))((offsets[:, None] + inside).reshape(-1))
