"""Detection of damage: a network is trained to predict the mask of the hidden pixels from the damaged image."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.losses.segmentation import dice
from jaxgen.losses.variational import bernoulli_nll
from jaxgen.metrics.masked import mask_iou
from jaxgen.objectives.modules import EVALUATION_PART, apply, in_parts
from jaxgen.objectives.restoration import ROWS, Damage, Degrade, held_out, pair
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays
from jaxgen.training.randomness import Stream, example_keys, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Detecting, Metrics, Objective, PyTree, Selection, TrainState, averaged

THRESHOLD = 0.5


def cross_entropy(logits: Array, mask: Array) -> Array:
    """Returns −log p of the mask in nats, the mean over its pixels, float[batch]."""
    return bernoulli_nll(logits, mask) / mask[0].size


def agreement(predicted: Array, mask: Array) -> Metrics:
    """Computes the intersection over union, the mean over images, and the precision and recall of all pixels together.

    Args:
      predicted: float[batch, height, width, 1], probabilities.
      mask: [batch, height, width, 1] of 0 and 1.
    """
    hit = ((predicted > THRESHOLD) & (mask > THRESHOLD)).sum()
    return {
        "evaluation/iou": mask_iou(mask, predicted, THRESHOLD).mean(),
        "evaluation/precision": hit / jnp.maximum((predicted > THRESHOLD).sum(), 1),
        "evaluation/recall": hit / jnp.maximum((mask > THRESHOLD).sum(), 1),
    }


def make_detection(
    module: Any,
    *,
    degrade: Degrade,
    hyper: Mapping[str, float],
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a network that predicts which pixels are hidden, by cross-entropy and Dice loss.

    Args:
      module: module (images[b, h, w, c], train) -> logits[b, h, w, 1].
      degrade: (key[b], images, hyper) -> Damage with a mask.
      hyper: cross_entropy_weight, dice_weight, and what `degrade` and `make_single` read.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective with `detecting`. Its evaluation is of the averaged variables: intersection over union, the mean over
      images, and the precision and the recall of pixels.
    """

    def initialise(key: Array, batch: Batch) -> PyTree:
        damaged, _ = held_out(degrade, key, {"image": batch["image"][:1]}, hyper_arrays(hyper))
        return module.init(key, damaged.images, False)

    def mask_of(damage: Damage) -> Array:
        if damage.mask is None:
            raise ValueError("this degradation has no mask: detection is trained on damage that hides pixels")
        return damage.mask

    def draw(keys, batch: Batch, hyper: Hyper) -> PyTree:
        damaged = degrade(keys(Stream.DEGRADATION), batch["image"], hyper)
        return damaged.images, mask_of(damaged)

    def mean_loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        images, mask = examples
        logits, stats = apply(module, variables, images, train=True)
        parts = {"cross_entropy": cross_entropy(logits, mask).mean(), "dice": dice(logits, mask).mean()}
        value = hyper["cross_entropy_weight"] * parts["cross_entropy"] + hyper["dice_weight"] * parts["dice"]
        return value, ({"loss": value} | parts, stats)

    def detect(variables: PyTree, images: Array) -> Array:
        return jax.nn.sigmoid(apply(module, variables, images, train=False)[0])

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns rows of damaged image, predicted mask and true mask."""
        damaged, _ = held_out(degrade, state.key, {"image": batch["image"][:ROWS]}, state.hyper)
        masks = (detect(averaged(state, PLAYER), damaged.images), mask_of(damaged))
        return {"masks": jnp.stack([damaged.images, *(jnp.broadcast_to(m, damaged.images.shape) for m in masks)], 1)}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        def detect_part(part: tuple[Array, Batch]) -> tuple[Array, Array]:
            damaged, _ = pair(degrade, *part, state.hyper)
            return detect(averaged(state, PLAYER), damaged.images), mask_of(damaged)

        keys = example_keys(stream(state.key, Stream.EVALUATION), len(batch["image"]))
        return agreement(*in_parts(detect_part, (keys, batch), EVALUATION_PART))

    return make_single(
        initialise,
        draw,
        mean_loss,
        hyper=hyper,
        visualize=visualize,
        evaluate=evaluate,
        selection=Selection("evaluation/iou", direction="maximize"),
        detecting=Detecting(detect, degrade, module),
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )
