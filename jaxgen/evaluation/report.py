"""A run's scores with their protocol and, beside them, the floor: real images against real images, measured alike."""

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
from jaxgen.evaluation.memorisation import LOOKED_AT, memorisation
from jaxgen.training.state import PyTree

OTHER = {"test": "train", "train": "test"}
OPTION = "--count"


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a score was measured: two scores compare only where all of this agrees.

    Attributes:
      extractor: the network, in words.
      sha256: of its weights.
      resize: how images come to its size.
      batch: images that it looks at, and that are generated, at a time.
      data: the data set.
      size: height and width of its images in pixels; 0: as stored.
      fit: how they come to that size.
      data_seed: of the order in which they are taken, of their crops and of what is composed of them.
      reference: the split of it that generated images are compared with.
      real: how many images of that split.
      generated: how many generated images.
      grey_levels: to which generated images are rounded, as real ones are.
      labels: of generated images: "none", or "as in the reference" where the generator is told classes.
      floor: the split, and how many images of it, that stand in for generated ones in the floor.
      precision_recall_neighbours: the neighbour that a ball of precision and recall reaches to.
      density_coverage_neighbours: the same of density and coverage.
      inception_score_splits: parts whose Inception Scores are averaged.
      ema: whether the generator's averaged parameters were used.
      seed: of the latents.
      latents: what they are drawn from.
      restored: by which task of `jaxgen restore` generated images were restored; "no" where they were not.
    """

    extractor: str
    sha256: str
    resize: str
    batch: int
    data: str
    size: int
    fit: str
    data_seed: int
    reference: str
    real: int
    generated: int
    grey_levels: int
    labels: str
    floor: str
    precision_recall_neighbours: int
    density_coverage_neighbours: int
    inception_score_splits: int
    ema: bool
    seed: int
    latents: str
    restored: str


def load_split(config: data.Config, split: str, *, dequantise: bool = False) -> Dataset:
    """Returns a whole split, not flipped: as it is stored, or with the noise of one level that a density needs."""
    return data.load(dataclasses.replace(config, split=split, share=1.0, flip=False, dequantise=dequantise))


def load_trained(config: data.Config) -> Dataset:
    """Returns the images that a run was trained on, which may be a share of their split, as they are stored."""
    return data.load(dataclasses.replace(config, flip=False, dequantise=False))


def real_features(extractor: Extractor, dataset: Dataset, count: int) -> Features:
    """Returns the features and labels of up to `count` images of a data set."""
    batches = dataset_batches(dataset, min(count, len(dataset)), extractor.batch)
    return extract(extractor, batches, f"real {dataset.config.split}")


def labels_of(real: Features, conditional: bool) -> np.ndarray | None:
    """Returns the labels that a conditional generator is told: those of the reference, so that classes are as frequent.

    Raises:
      UsageError: if the reference has none.
    """
    if conditional and real.labels is None:
        raise UsageError("a conditional generator is judged by classes as frequent as the data's, and it has no labels")
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
    """Returns the scores of generated images, the floor and the protocol, as plain values.

    As many images are generated as stand in for them in the floor: distances of other numbers do not compare.

    Args:
      extractor: the network that looks at them.
      config: the run's data.
      sample: the objective's.
      variables: of the generator.
      conditional: whether the generator is told a label for each image.
      count: generated images, at most as many as the other split has, and at most as many real ones.
      reference: "test" or "train", the split to compare with.
      seed: of the latents, at most `MAX_SEED`.
      ema: whether the variables are averaged ones, for the protocol.
      latents: what `sample` draws them from, in words, for the protocol.
      restore: what generated images are restored by before they are looked at; None: nothing.
      restored: what that is, in words, for the protocol.
    Returns:
      {"scores", "floor", "memorisation", "protocol", "seconds" (without reading the data, and without the floor)}.
    Raises:
      UsageError: if there are too few images, their features are not finite, or the seed is out of range.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed {seed}: give a whole number from 0 to 2**32 - 2")
    dataset, others = load_split(config, reference), load_split(config, OTHER[reference])
    begin, generated = time.perf_counter(), min(count, len(others))
    real = real_features(extractor, dataset, count)
    width = real.features.shape[1]
    scores.require_enough(len(real.features), width, reference, count, OPTION)
    scores.require_enough(generated, width, f"generated or {OTHER[reference]}", count, OPTION)
    labels = labels_of(real, conditional)
    made = sample_batches(sample, variables, seed, generated, extractor.batch, labels)
    if restore:
        made = restored_batches(made, restore)
    fake = extract(extractor, made, "generated")
    found = scores.all_scores(real, fake, extractor.prefix, extractor.modes)
    seconds = time.perf_counter() - begin
    other = real_features(extractor, others, generated)
    floor = scores.all_scores(real, other, extractor.prefix, extractor.modes)
    trained = real_features(extractor, load_trained(config), LOOKED_AT)
    copied = memorisation(fake, trained, real if reference == "test" else other)
    protocol = Protocol(
        extractor=extractor.name,
        sha256=extractor.sha256,
        resize=extractor.resize,
        batch=extractor.batch,
        data=config.name,
        size=config.size,
        fit=config.fit,
        data_seed=ORDER_SEED,
        reference=reference,
        real=len(real.features),
        generated=generated,
        grey_levels=GREY_LEVELS,
        labels="as in the reference" if conditional else "none",
        floor=f"{generated} of {OTHER[reference]}",
        precision_recall_neighbours=scores.PRECISION_RECALL_NEIGHBOURS,
        density_coverage_neighbours=scores.DENSITY_COVERAGE_NEIGHBOURS,
        inception_score_splits=scores.INCEPTION_SCORE_SPLITS,
        ema=ema,
        seed=seed,
        latents=latents,
        restored=restored,
    )
    return {
        "scores": found,
        "floor": floor,
        "memorisation": copied._asdict() | {"copied": copied.copied, "copies": copied.copies} if copied else None,
        "protocol": dataclasses.asdict(protocol),
        "seconds": round(seconds, 2),
    }


def as_text(found: dict[str, Any]) -> str:
    """Returns an evaluation as lines for a person: each score beside its floor, then the protocol."""
    lines = [f"{'':28} {'generated':>12} {'floor':>12}"]
    lines += [f"{name:28} {value:12.5g} {found['floor'][name]:12.5g}" for name, value in found["scores"].items()]
    if copied := found["memorisation"]:
        lines.append(f"{'nearer_to_training':28} {copied['nearer']:12.5g} {copied['real']:12.5g}")
        lines.append(f"{'copied':28} {copied['copied']:12.5g}")
    lines += [f"{name:28} {value}" for name, value in found["protocol"].items()]
    return "\n".join([*lines, f"{'seconds':28} {found['seconds']} (without the floor)"])
