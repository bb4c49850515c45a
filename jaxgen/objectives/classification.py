"""Classification of images by cross-entropy; the last hidden layer serves as features."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.losses.classification import binary_cross_entropy, cross_entropy
from jaxgen.metrics import classification
from jaxgen.objectives import confusion
from jaxgen.objectives.modules import apply, in_parts
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import (
    Batch,
    Classifying,
    Discriminating,
    Metrics,
    Objective,
    PyTree,
    Selection,
    TrainState,
    averaged,
)

TOGETHER = 500  # held-out images whose activations are in memory at once


def make_classification(
    module: Any,
    *,
    classes: int,
    hyper: Mapping[str, float],
    positive: int | None = None,
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a classifier, trained by cross-entropy from integer labels.

    Args:
      module: module (images[b, h, w, c], train) -> logits[b, classes], or logits[b] where `positive` is given.
      classes: number of classes; labels are in [0, classes). A label outside them gives a loss that is NaN or wrong:
        `data.Config.classes` has them checked where data are loaded.
      hyper: what `make_single` reads.
      positive: the class whose logit a binary classifier gives, against all the others; None: softmax over all classes.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective with `classifying` and `discriminating`. Its batches have a label; its evaluation is of the averaged
      variables. Precision, recall and F1 are those of the positive class, and without one the mean over all classes
      (macro average).
    Raises:
      UsageError: if `positive` is no class, or there are fewer than two.
    """
    if classes < 2:
        raise UsageError(f"classes {classes}: a classifier needs at least 2; set data.classes to their number")
    if positive is not None and not 0 <= positive < classes:
        raise UsageError(f"positive {positive} is no class: give a number from 0 to {classes - 1}")
    class_count = classes if positive is None else 2

    def targets(batch: Batch) -> Array:
        if "label" not in batch:
            raise UsageError("the data have no labels: a classifier is trained on data that do, as in digits or mnist")
        return batch["label"] if positive is None else (batch["label"] == positive).astype(jnp.int32)

    def loss_of(logits: Array, labels: Array) -> Array:
        return (cross_entropy if positive is None else binary_cross_entropy)(logits, labels)

    def predicted(logits: Array) -> Array:
        return logits.argmax(-1) if positive is None else (logits > 0).astype(jnp.int32)

    def initialise(key: Array, batch: Batch) -> PyTree:
        return module.init(key, jnp.zeros((1, *batch["image"].shape[1:])), False)

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return batch["image"], targets(batch)

    def mean_loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        images, labels = examples
        logits, stats = apply(module, variables, images, train=True)
        value = loss_of(logits, labels).mean()
        return value, ({"loss": value, "accuracy": (predicted(logits) == labels).mean(dtype=value.dtype)}, stats)

    def logits_of(state: TrainState, images: Array) -> Array:
        variables = averaged(state, PLAYER)
        return in_parts(lambda part: apply(module, variables, part, train=False)[0], images, TOGETHER)

    def probabilities(variables: PyTree, images: Array) -> Array:
        logits = apply(module, variables, images, train=False)[0]
        # Of a binary classifier the others have the logit 0, since softmax([0, x]) is [1 − sigmoid(x), sigmoid(x)].
        return jax.nn.softmax(logits if positive is None else jnp.stack([jnp.zeros_like(logits), logits], -1))

    def score(state: TrainState, images: Array, labels: Array | None = None) -> Array:
        del labels
        logits = apply(module, averaged(state, PLAYER), images, train=False)[0]
        return logits.max(-1) if positive is None else logits

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns the confusion matrix as an image, and misclassified images."""
        labels, predictions = targets(batch), predicted(logits_of(state, batch["image"]))
        matrix = classification.confusion_matrix(predictions, labels, class_count)
        return {
            "confusion": confusion.heat_map(matrix),
            "mistakes": confusion.mistakes(batch["image"], labels, predictions, class_count),
        }

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        labels, logits = targets(batch), logits_of(state, batch["image"])
        predictions = predicted(logits)
        by_class = {
            name: metric(predictions, labels, class_count)
            for name, metric in (
                ("precision", classification.precision),
                ("recall", classification.recall),
                ("f1", classification.f1),
            )
        }
        return {
            "evaluation/loss": loss_of(logits, labels).mean(),
            "evaluation/accuracy": classification.accuracy(predictions, labels, class_count),
        } | {
            f"evaluation/{name}": values.mean() if positive is None else values[1] for name, values in by_class.items()
        }

    return make_single(
        initialise,
        draw,
        mean_loss,
        hyper=hyper,
        visualize=visualize,
        evaluate=evaluate,
        classifying=Classifying(probabilities, class_count, positive),
        discriminating=Discriminating(score),
        selection=Selection("evaluation/accuracy", direction="maximize"),
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )
