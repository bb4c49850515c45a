"""What a program needs at least, and what there is, before anything is compiled."""

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import Jaxpr, subjaxprs

from jaxgen.errors import UsageError


def device_bytes() -> int:
    """Returns the memory of the first device, of the whole machine where that is a CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memories(devices: int) -> int:
    """Returns over how many memories a batch on so many devices is spread: those of one process's CPU have one."""
    return jax.process_count() if jax.default_backend() == "cpu" else max(devices, 1)


def arrays(jaxpr: Jaxpr) -> Iterator[Any]:
    """Yields the shapes of all that a program computes, those of inner programs too."""
    for equation in jaxpr.eqns:
        yield from (variable.aval for variable in equation.outvars)
    for inner in subjaxprs(jaxpr):
        yield from arrays(inner)


def largest_array(function: Callable[..., Any], *arguments: Any) -> int:
    """Returns the bytes of the largest array that a function of arrays computes.

    Args:
      function: traced and not run.
      *arguments: arrays, or shapes as `jax.eval_shape` gives them.
    """
    found = arrays(jax.make_jaxpr(function)(*arguments).jaxpr)
    return max((math.prod(array.shape) * array.dtype.itemsize for array in found if hasattr(array, "shape")), default=0)


def require(needed: int, what: str, remedy: str) -> None:
    """Raises UsageError where the memory is smaller than what is needed at least.

    Args:
      needed: bytes.
      what: needs them, in words.
      remedy: what to do.
    """
    if needed > (there := device_bytes()):
        raise UsageError(f"{what} needs at least {needed / 2**30:.1f} GiB, and there are {there / 2**30:.1f}: {remedy}")
