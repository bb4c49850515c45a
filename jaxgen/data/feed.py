"""The feed of a training run: data sent to the devices, and the selection of a step's batch from them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

Batch = dict[str, Array]
PyTree = Any


class Feed(NamedTuple):
    """Sends data to the devices, and selects the part of them that one step takes.

    Attributes:
      fetch: (first step, steps) -> payload for these steps. In memory: every stored image, on the device, the same
        object each time. Streamed: {"image": uint8[steps, batch, height, width, channel], …} on the host, read ahead.
      select: (payload, step, k, positions) -> this device's examples of one step. Pure, runs inside the compiled step.
        `step` is the run's step, int32[]; `k` the index of the step within the payload; `positions` int32[n] the
        positions in the global batch that this device takes.
      streamed: whether a payload's leaves are [steps, batch, …] and are spread over the devices, each of which then has
        the examples at its `positions`, and no others, in that order; else every device gets the full payload.
    """

    fetch: Callable[[int, int], PyTree]
    select: Callable[[PyTree, Array, Array, Array], Batch]
    streamed: bool


def feed_batches(stacked: PyTree) -> Feed:
    """Returns a feed of fixed batches: step s gets the s-th of them.

    Args:
      stacked: arrays [steps, batch, …].
    """
    return Feed(
        fetch=lambda first, steps: jax.tree.map(lambda x: np.asarray(x[first : first + steps]), stacked),
        select=lambda payload, step, k, positions: jax.tree.map(lambda x: x[k], payload),
        streamed=True,
    )
