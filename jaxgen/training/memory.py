"""Estimates whether a program fits in memory, before it is compiled."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import Jaxpr, subjaxprs

from jaxgen.host_memory import host_bytes, require_room


def device_bytes() -> int:
    """Returns the bytes of memory of the first device; of the host where that is a CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or host_bytes()


def count_memories(devices: int, platform: str) -> int:
    """Returns the number of memories that a batch is spread over. CPU devices of one process share one.

    Args:
      devices: over how many the batch is spread; 0 counts as 1.
      platform: of the devices: "cpu", "gpu" or "tpu".
    """
    return jax.process_count() if platform == "cpu" else max(devices, 1)


def computed_shapes(jaxpr: Jaxpr) -> Iterator[Any]:
    """Yields the shape and dtype of every array that a program computes, with those of inner programs."""
    for equation in jaxpr.eqns:
        yield from (variable.aval for variable in equation.outvars)
    for inner in subjaxprs(jaxpr):
        yield from computed_shapes(inner)


def largest_array(function: Callable[..., Any], *arguments: Any) -> int:
    """Returns the bytes of the largest array that a function of arrays computes.

    Args:
      function: traced and not run.
      *arguments: arrays, or shapes as `jax.eval_shape` gives them.
    """
    shapes = computed_shapes(jax.make_jaxpr(function)(*arguments).jaxpr)
    return max(
        (math.prod(array.shape) * array.dtype.itemsize for array in shapes if hasattr(array, "shape")), default=0
    )


def require(needed: int, what: str, remedy: str) -> None:
    """Raises UsageError where the memory of a device is too small.

    Args:
      needed: bytes.
      what: subject of the message, for example "a step".
      remedy: end of the message: what to do.
    """
    require_room(needed, what, remedy, device_bytes())
