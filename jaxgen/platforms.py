"""The platform that a program is traced for.

On a CPU convolutions have derivatives of their own (`nn.convolution`), which other platforms need not and forward mode
cannot take. Execution says for which platform it traces; the functions in `nn` look it up here. JAX traces a function
again where the platform differs, so nothing that was traced for one is used for another.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax

ANY = "any"
_target = jax.make_user_context(ANY)


def target_platform(platform: str) -> AbstractContextManager[None]:
    """Returns a context in which programs are traced for a platform.

    Args:
      platform: "cpu", "cuda", "rocm", "gpu", "tpu", or "any": a program that runs on each of them, as fast on a CPU as
        one traced for a CPU, but without forward mode (`jax.jvp`). This is what is traced outside of any such context.
    """
    return _target(platform)


def may_run_on_cpu() -> bool:
    """Returns whether what is being traced may run on a CPU."""
    return _target.value in (ANY, "cpu")


def trace_for(platforms: Sequence[str], function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that does the same and is traced for these platforms.

    Args:
      platforms: at least one, see `target_platform`; of several with a CPU among them the function is traced for any.
      function: of arrays.
    """
    target = platforms[0] if len(platforms) == 1 or "cpu" not in platforms else ANY

    def traced(*args: Any, **options: Any) -> Any:
        with target_platform(target):
            return function(*args, **options)

    return traced
