"""Training of one network by one loss, which autoencoders, restorers and classifiers share."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.objectives.modules import check_images
from jaxgen.training.averages import average, decay
from jaxgen.training.gradients import descend
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays, require_hyper, resolve_optimizer
from jaxgen.training.randomness import Stream, example_keys, step_key, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree, TrainState

PLAYER = "model"
Draw = Callable[[Callable[[Stream], Array], Batch, Hyper], PyTree]
Loss = Callable[[PyTree, PyTree, Hyper], tuple[Array, tuple[Metrics, PyTree]]]


def make_single(
    initialise: Callable[[Array, Batch], PyTree],
    draw: Draw,
    loss: Loss,
    *,
    hyper: Mapping[str, float],
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
    **capabilities: Any,
) -> Objective:
    """Returns the objective of one network that minimizes one loss.

    Args:
      initialise: (key, batch) -> the module's variables.
      draw: (keys, batch, hyper) -> examples: what the loss sees, the random numbers drawn. `keys(stream)` gives one key
        for each example.
      loss: (variables, examples, hyper) -> (mean loss, (metrics, updated statistics)); variables is
        {"params": …, "stats": …}.
      hyper: learning_rate, ema_decay, clip_norm (0: off), and what optimizer, draw, loss and schedule read.
      optimizer: a name in `OPTIMIZERS`, or a function hyper -> optax.GradientTransformation.
      schedule: evaluated first in every step.
      microbatches: see `gradients.gradient`.
      axis_name: the mapped axis over which a batch is spread, or None.
      **capabilities: visualize, evaluate, selection and further fields of `Objective`.
    Returns:
      Objective whose only player is "model".
    Raises:
      UsageError: if the optimizer is unknown or a hyperparameter is missing; from `init` and `step`, if the batch has
        no images in floating point.
    """
    make_optimizer = resolve_optimizer(optimizer)
    require_hyper(hyper, ("learning_rate", "ema_decay", "clip_norm"), make_optimizer)

    def init(key: Array, batch: Batch) -> TrainState:
        check_images(batch)
        model_key, root = jax.random.split(key)
        stats = dict(initialise(model_key, batch))
        params = stats.pop("params")
        arrays = hyper_arrays(hyper)
        return TrainState(
            step=jnp.int32(0),
            params={PLAYER: params},
            stats={PLAYER: stats},
            opt_state={PLAYER: make_optimizer(arrays).init(params)},
            ema={PLAYER: jax.tree.map(jnp.copy, {"params": params, "stats": stats})},
            hyper=arrays,
            key=root,
        )

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        check_images(batch)
        numbers = schedule(state.hyper, state.step)
        key, count = step_key(state.key, state.step), len(batch["image"])
        keys = lambda name: example_keys(stream(key, name), count, axis_name, microbatches)
        stats = state.stats[PLAYER]
        new = descend(
            lambda params, examples: loss({"params": params, "stats": stats}, examples, numbers),
            state.params[PLAYER],
            state.opt_state[PLAYER],
            make_optimizer(numbers),
            draw(keys, batch, numbers),
            axis_name=axis_name,
            microbatches=microbatches,
            clip_norm=numbers["clip_norm"],
        )
        metrics, stats = new.aux
        made = {"params": new.params, "stats": stats}
        metrics_by_player = {f"{PLAYER}/{name}": value for name, value in metrics.items()}
        metrics_by_player |= {f"{PLAYER}/gradient_norm": new.gradient_norm, "learning_rate": numbers["learning_rate"]}
        return state.replace(
            step=state.step + 1,
            params={PLAYER: new.params},
            stats={PLAYER: stats},
            opt_state={PLAYER: new.opt_state},
            ema={PLAYER: average(state.ema[PLAYER], made, decay(numbers["ema_decay"], state.step))},
        ), metrics_by_player

    return Objective(init=init, step=step, player=PLAYER, microbatches=microbatches, **capabilities)
