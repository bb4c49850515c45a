"""A training program in JAX."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from jax import Array

from benchmarks.cases import Case
from benchmarks.program import Program

PyTree = Any


def count(params: PyTree) -> int:
    """Returns the number of elements of a tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def make_program(
    case: Case,
    advance: Callable[[PyTree, Array], PyTree],
    state: PyTree,
    parameters: int,
    *,
    fused: int = 1,
    members: int = 1,
) -> Program:
    """Returns the program that advances a state.

    Args:
      case: what is trained.
      advance: compiled (state, images float32[fused, batch, h, w, c]) -> state; donates the state.
      state: the first state.
      parameters: of one model.
      fused: steps in one dispatch.
      members: models that one dispatch trains.
    """
    shape = (fused, case.batch, case.size, case.size, case.channels)
    source = np.random.default_rng(0)
    device = jax.devices()[0]

    def draw(dispatches: int) -> list[Array]:
        images = [source.random(shape, np.float32) for _ in range(dispatches)]
        return jax.block_until_ready(jax.device_put(images, device))

    def run(inputs: list[Array]) -> None:
        nonlocal state
        for images in inputs:
            state = advance(state, images)
        jax.block_until_ready(state)

    def peak_bytes() -> int | None:
        return None if device.platform == "cpu" else device.memory_stats()["peak_bytes_in_use"]

    return Program(
        parameters=parameters,
        steps=fused * members,
        draw=draw,
        run=run,
        peak_bytes=peak_bytes,
        device=device.device_kind,
        versions={name: version(name) for name in ("jax", "flax", "optax")},
    )
