"""Restoration: a network sees the damaged image and is held to the clean one."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgen.metrics.image import psnr
from jaxgen.objectives.modules import apply
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.step.randomness import Stream, example_keys, stream
from jaxgen.step.schedules import Hyper
from jaxgen.step.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, averaged

ROWS = 8
Degrade = Callable[[Array, Array, Hyper], Array]


def make_restoration(
    module,
    *,
    degrade: Degrade,
    loss: Callable[[Array, Array], Array],
    hyper: Mapping[str, float],
    **options: Any,
) -> Objective:
    """Returns the objective of a network that undoes a degradation.

    Args:
      module: module (images[b, h, w, c], train) -> images of the same shape.
      degrade: (key[b], images, hyper) -> damaged images of the same shape, y = H(x) + n.
      loss: (clean, restored) -> float[b].
      hyper: what `degrade` and `make_single` read.
      **options: optimizer, schedule, microbatches, axis_name of `make_single`.
    Returns:
      Objective with `restore`. Its evaluation is the mean PSNR in dB, of the damaged and of the restored images.
    """

    def initialise(key: Array, batch: Batch) -> PyTree:
        return module.init(key, jnp.zeros((1, *batch["image"].shape[1:])), False)

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return degrade(keys(Stream.DEGRADATION), batch["image"], hyper), batch["image"]

    def mean_loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        damaged, clean = examples
        restored, stats = apply(module, variables, damaged, train=True)
        value = loss(clean, restored).mean()
        return value, ({"loss": value, "psnr": psnr(clean, restored).mean()}, stats)

    def restore(variables: PyTree, images: Array) -> Array:
        return apply(module, variables, images, train=False)[0]

    def damage(state: TrainState, images: Array) -> Array:
        keys = example_keys(stream(state.key, Stream.EVALUATION), len(images))
        return degrade(keys, images, state.hyper)

    def pictures(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns rows of damaged, restored and clean."""
        clean = batch["image"][:ROWS]
        damaged = damage(state, clean)
        restored = restore(averaged(state, PLAYER), damaged)
        return {"before-after": jnp.stack([damaged, restored, clean], 1)}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        clean = batch["image"]
        damaged = damage(state, clean)
        before, after = psnr(clean, damaged).mean(), psnr(clean, restore(averaged(state, PLAYER), damaged)).mean()
        return {"evaluation/psnr_input": before, "evaluation/psnr": after, "evaluation/gain": after - before}

    return make_single(
        initialise,
        draw,
        mean_loss,
        hyper=hyper,
        pictures=pictures,
        evaluate=evaluate,
        selection=Selection("evaluation/psnr", largest=True),
        restore=restore,
        **options,
    )
