"""Scores of a trained classifier on real images: accuracy, scores of each class, and the confusion matrix."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation.features import dataset_batches
from jaxgen.evaluation.report import load_split
from jaxgen.metrics import classification
from jaxgen.training import execute
from jaxgen.training.state import Classifying, PyTree

BATCH = 64
"""Images whose activations are in memory at once."""
MAX_COLUMNS = 20
"""Classes up to which the confusion matrix is printed."""
BY_CLASS = {"precision": classification.precision, "recall": classification.recall, "f1": classification.f1}


def class_labels(classifying: Classifying, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns what each output of a classifier is called: its class's name, or its number where there are no names.

    Args:
      classifying: the classifier.
      names: of the classes of the data in their order; empty: they have none.
    """
    if classifying.positive is None:
        return tuple(names) or tuple(map(str, range(classifying.classes)))
    positive = names[classifying.positive] if names else str(classifying.positive)
    return (f"not {positive}", positive)


def predictor(classifying: Classifying, variables: PyTree) -> Callable[[np.ndarray], np.ndarray]:
    """Returns images float[n, h, w, c] -> probabilities float32[n, classes], for any n, `BATCH` images at a time."""
    compute = execute.jit_on_first_device(classifying.probabilities)

    def predict(images: np.ndarray) -> np.ndarray:
        parts = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
        return np.concatenate([np.asarray(compute(variables, part), np.float32) for part in parts])

    return predict


@functools.partial(jax.jit, static_argnums=2)
def count(predictions: jax.Array, labels: jax.Array, classes: int) -> dict[str, jax.Array]:
    """Computes the confusion matrix and the scores of each class of int32[n] predictions."""
    by_class = {name: metric(predictions, labels, classes) for name, metric in BY_CLASS.items()}
    return {
        "confusion": classification.confusion_matrix(predictions, labels, classes),
        "accuracy": classification.accuracy(predictions, labels, classes),
    } | by_class


def evaluate(
    classifying: Classifying,
    variables: PyTree,
    config: data.Config,
    *,
    names: Sequence[str] = (),
    count_images: int = 10_000,
    reference: str = "test",
    ema: bool = True,
) -> dict[str, Any]:
    """Computes the scores of a classifier on images of its data.

    Args:
      classifying: the classifier.
      variables: of the classifier.
      config: of the run's data.
      names: of the classes of the data.
      count_images: number of images, at most those of the split.
      reference: "test" or "train", the split.
      ema: whether the variables are the averaged ones, for the protocol.
    Returns:
      {"scores": accuracy, precision, recall and F1 of the positive class or else the mean over all classes (macro
      average), "classes": [{"class", "images", "precision", "recall", "f1"}, …], "confusion": a row for each true class
      and a column for each predicted one, "protocol"}.
    Raises:
      UsageError: if the data have no labels.
    """
    dataset = load_split(config, reference)
    images = min(count_images, len(dataset))
    predict = predictor(classifying, variables)
    predictions, labels = [], []
    for batch in dataset_batches(dataset, images, BATCH):
        if "label" not in batch:
            raise UsageError(f"the data set {config.name} has no labels: a classifier is scored on data that do")
        predictions.append(predict(batch["image"]).argmax(-1))
        labels.append(np.asarray(batch["label"]))
    truth = np.concatenate(labels)
    if classifying.positive is not None:
        truth = (truth == classifying.positive).astype(np.int32)
    counted = jax.device_get(count(np.concatenate(predictions), truth, classifying.classes))
    confusion = counted["confusion"]
    average = lambda values: values.mean() if classifying.positive is None else values[1]
    by_class = [
        {"class": label, "images": int(confusion[i].sum())} | {name: float(counted[name][i]) for name in BY_CLASS}
        for i, label in enumerate(class_labels(classifying, names))
    ]
    return {
        "scores": {"accuracy": float(counted["accuracy"])} | {name: float(average(counted[name])) for name in BY_CLASS},
        "classes": by_class,
        "confusion": confusion.tolist(),
        "protocol": {"data": config.name, "reference": reference, "images": images, "ema": ema},
    }


def to_text(evaluation: dict[str, Any]) -> str:
    """Formats the result of `evaluate` as tables: the classes with their scores, and the confusion matrix."""
    classes, protocol = evaluation["classes"], evaluation["protocol"]
    width = max(len("class"), *(len(one["class"]) for one in classes))
    lines = [f"accuracy {evaluation['scores']['accuracy']:.4f} on {protocol['images']} images of {protocol['data']}"]
    lines += ["", f"{'class':{width}} {'images':>7} " + " ".join(f"{name:>9}" for name in BY_CLASS)]
    lines += [
        f"{one['class']:{width}} {one['images']:7} " + " ".join(f"{one[name]:9.4f}" for name in BY_CLASS)
        for one in classes
    ]
    if len(classes) > MAX_COLUMNS:
        return "\n".join([*lines, "", f"the confusion matrix of {len(classes)} classes is in the result of --json"])
    columns = [max(len(one["class"]), 5) for one in classes]
    cells = lambda values: " ".join(f"{value:>{column}}" for value, column in zip(values, columns, strict=True))
    lines += ["", "confusion matrix, a row for each true class and a column for each predicted one"]
    lines += [f"{'':{width}} {cells([one['class'] for one in classes])}"]
    lines += [f"{one['class']:{width}} {cells(row)}" for one, row in zip(classes, evaluation["confusion"], strict=True)]
    return "\n".join(lines)
