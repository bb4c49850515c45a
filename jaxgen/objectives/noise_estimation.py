"""Noise estimation: a network is trained to predict the standard deviation of the noise in an image."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.objectives.modules import EVALUATION_PART, apply, in_parts
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays
from jaxgen.training.randomness import Stream, example_keys, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, averaged

LEVELS = 255
CHART = 128  # side of the chart of levels in pixels
DIAGONAL = 0.3
Noisy = Callable[[Array, Array, Hyper], tuple[Array, Array]]


def make_noise_level(
    module: Any,
    *,
    degrade: Noisy,
    halved_at: float = 0.0,
    hyper: Mapping[str, float],
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a network that estimates the level of noise, by the absolute error.

    A denoiser tolerates an error in proportion to the level: with `halved_at`, errors of high levels have less weight.

    Args:
      module: module (images[b, h, w, c], train) -> float[b], standard deviation in units of the [0, 1] range.
      degrade: (key[b], images, hyper) -> (noisy images, standard deviation float[b]); the noisy images may have other
        sides and channels than the images.
      halved_at: level in gray levels at which an error has half the weight that it has at level 0, 1 / (1 + level /
        halved_at); 0: all have the same.
      hyper: what `degrade` and `make_single` read.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective. Its losses are the weighted, and its evaluation the mean absolute errors in gray levels of 255.
    """

    def error(estimate: Array, level: Array, halved_at: float = 0.0) -> Array:
        weight = 1 / (1 + LEVELS * level / halved_at) if halved_at else jnp.ones_like(level)
        return LEVELS * (weight * abs(estimate - level)).mean()

    def initialise(key: Array, batch: Batch) -> PyTree:
        noisy, _ = jax.eval_shape(degrade, key[None], batch["image"][:1], hyper_arrays(hyper))
        return module.init(key, jnp.zeros(noisy.shape, noisy.dtype), False)

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return degrade(keys(Stream.DEGRADATION), batch["image"], hyper)

    def mean_loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        noisy, level = examples
        estimates, stats = apply(module, variables, noisy, train=True)
        value = error(estimates, level, halved_at)
        return value, ({"loss": value}, stats)

    def estimate(state: TrainState, batch: Batch) -> tuple[Array, Array]:
        keys = example_keys(stream(state.key, Stream.EVALUATION), len(batch["image"]))

        def estimate_part(part: tuple[Array, Array]) -> tuple[Array, Array]:
            noisy, level = degrade(*part, state.hyper)
            return apply(module, averaged(state, PLAYER), noisy, train=False)[0], level

        return in_parts(estimate_part, (keys, batch["image"]), EVALUATION_PART)

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        return {"evaluation/error": error(*estimate(state, batch))}

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        return {"levels": chart(*estimate(state, batch))}

    return make_single(
        initialise,
        draw,
        mean_loss,
        hyper=hyper,
        visualize=visualize,
        evaluate=evaluate,
        selection=Selection("evaluation/error", direction="minimize"),
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )


def chart(estimates: Array, level: Array) -> Array:
    """Returns estimates over true levels as white points on an image whose gray diagonal is where they agree.

    Args:
      estimates: float[n].
      level: float[n]; the largest is the right border, and the upper one.
    Returns:
      float[1, side, side, 1] in [0, 1].
    """
    largest = jnp.where(level.max() > 0, level.max(), 1)
    pixel = lambda values: jnp.round(jnp.clip(values / largest, 0, 1) * (CHART - 1)).astype(jnp.int32)
    points = jnp.eye(CHART)[::-1] * DIAGONAL
    return points.at[CHART - 1 - pixel(estimates), pixel(level)].set(1)[None, :, :, None]
