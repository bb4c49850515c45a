"""Scores of a run's generated images, the floor (scores of real images against other real images), and the protocol."""

import dataclasses
import time
from typing import Any

import numpy as np

from jaxgen import data
from jaxgen.data.dataset import Dataset
from jaxgen.errors import UsageError
from jaxgen.evaluation import MAX_SEED, scores
from jaxgen.evaluation.features import (
    GREY_LEVELS,
    ORDER_SEED,
    Extractor,
    Features,
    Restore,
    Sample,
    dataset_batches,
    extract,
    restored_batches,
    sample_batches,
)
from jaxgen.evaluation.memorisation import MAX_IMAGES, memorisation
from jaxgen.training.state import PyTree

MIN_IMAGES = 2
"""Real and generated images that every score needs."""
OTHER_SPLIT = {"test": "train", "train": "test"}


def load_split(config: data.Config, split: str, *, dequantize: bool = False) -> Dataset:
    """Loads a whole split without flips. `dequantize` adds uniform noise of one grey level, for a density."""
    return data.load(dataclasses.replace(config, split=split, fraction=1.0, flip=False, dequantize=dequantize))


def load_training_images(config: data.Config) -> Dataset:
    """Loads the images that a run is trained on, which may be a fraction of their split, without flips."""
    return data.load(dataclasses.replace(config, flip=False, dequantize=False))


def real_features(extractor: Extractor, dataset: Dataset, count: int) -> Features:
    """Computes the features of up to `count` images of a data set."""
    batches = dataset_batches(dataset, min(count, len(dataset)), extractor.batch)
    return extract(extractor, batches, f"real {dataset.config.split}")


def conditioning_labels(real: Features, conditional: bool) -> np.ndarray | None:
    """Returns the labels for a conditional generator, with the class frequencies of the reference; None for another.

    Raises:
      UsageError: if the reference has no labels.
    """
    if conditional and real.labels is None:
        raise UsageError("a conditional generator needs the class frequencies of the data, which have no labels")
    return real.labels if conditional else None


def evaluate(
    extractor: Extractor,
    config: data.Config,
    sample: Sample,
    variables: PyTree,
    *,
    conditional: bool = False,
    count: int = 10_000,
    reference: str = "test",
    seed: int = 0,
    ema: bool = True,
    latents: str = "the prior",
    restore: Restore | None = None,
    restored: str = "no",
) -> dict[str, Any]:
    """Computes the scores of generated images and the floor.

    The floor has as many images as are generated: distances of other numbers are not comparable.

    Args:
      extractor: the feature network.
      config: of the run's data.
      sample: the generator.
      variables: of the generator.
      conditional: whether the generator takes labels.
      count: number of generated images, limited by the other split, and of real images.
      reference: "test" or "train", the split to compare with.
      seed: of the latents, at most `MAX_SEED`.
      ema: whether the variables are the averaged ones, for the protocol.
      latents: their distribution, for the protocol.
      restore: restores generated images before their features are computed; None: they stay as they are.
      restored: name of that task, for the protocol.
    Returns:
      {"scores", "omitted" (why scores of too few images are, by name), "floor", "memorisation", "protocol", "seconds"
      (without the loading of data and without the floor)}.
      Two scores are comparable only if their protocols are equal.
    Raises:
      UsageError: if there are no two images, their features are not finite, or the seed is out of range.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed {seed}: give an integer from 0 to {MAX_SEED}")
    dataset, others = load_split(config, reference), load_split(config, OTHER_SPLIT[reference])
    begin, generated = time.perf_counter(), min(count, len(others))
    real = real_features(extractor, dataset, count)
    width = real.features.shape[1]
    if (fewest := min(len(real.features), generated)) < MIN_IMAGES:
        raise UsageError(
            f"{len(real.features)} real images of split {reference} and {generated} of {OTHER_SPLIT[reference]}: every "
            f"score needs {MIN_IMAGES} of each; {'raise --count' if count == fewest else 'add images'}"
        )
    omitted = scores.omitted(len(real.features), generated, width, extractor.network)
    labels = conditioning_labels(real, conditional)
    batches = sample_batches(sample, variables, seed, generated, extractor.batch, labels)
    if restore:
        batches = restored_batches(batches, restore)
    generated_features = extract(extractor, batches, "generated")
    generated_scores = scores.compute_scores(real, generated_features, extractor.network, extractor.modes)
    seconds = time.perf_counter() - begin
    other = real_features(extractor, others, generated)
    floor = scores.compute_scores(real, other, extractor.network, extractor.modes)
    training = real_features(extractor, load_training_images(config), MAX_IMAGES)
    copies = memorisation(generated_features, training, real if reference == "test" else other)
    protocol = {
        "extractor": extractor.name,
        "sha256": extractor.sha256,
        "resize": extractor.resize,
        "batch": extractor.batch,
        "data": config.name,
        "size": config.size,
        "fit": config.fit,
        # Of the order, the crops and the composition of real images.
        "data_seed": ORDER_SEED,
        "reference": reference,
        "real": len(real.features),
        "generated": generated,
        # To which generated images are rounded.
        "grey_levels": GREY_LEVELS,
        "labels": "as in the reference" if conditional else "none",
        # The images that replace the generated ones.
        "floor": f"{generated} of {OTHER_SPLIT[reference]}",
        "precision_recall_neighbours": scores.PRECISION_RECALL_NEIGHBOURS,
        "density_coverage_neighbours": scores.DENSITY_COVERAGE_NEIGHBOURS,
        "inception_score_splits": scores.INCEPTION_SCORE_SPLITS,
        "ema": ema,
        "seed": seed,
        "latents": latents,
        "restored": restored,
    }
    return {
        "scores": generated_scores,
        "omitted": omitted,
        "floor": floor,
        "memorisation": copies._asdict() | {"copied": copies.copied, "copies": copies.copies} if copies else None,
        "protocol": protocol,
        "seconds": round(seconds, 2),
    }


def to_text(evaluation: dict[str, Any]) -> str:
    """Formats an evaluation as text: a table of scores and floor, and the protocol."""
    lines = [f"{'':28} {'generated':>12} {'floor':>12}"]
    lines += [
        f"{name:28} {value:12.5g} {evaluation['floor'][name]:12.5g}" for name, value in evaluation["scores"].items()
    ]
    lines += [f"{name:28} omitted: {reason}" for name, reason in evaluation["omitted"].items()]
    if copied := evaluation["memorisation"]:
        lines.append(f"{'nearer_to_training':28} {copied['nearer']:12.5g} {copied['real']:12.5g}")
        lines.append(f"{'copied':28} {copied['copied']:12.5g}")
    lines += [f"{name:28} {value}" for name, value in evaluation["protocol"].items()]
    return "\n".join([*lines, f"{'seconds':28} {evaluation['seconds']} (without the floor)"])
