"""A run's scores with their protocol and, beside them, the floor: real images against real images, measured alike."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from jax import Array

from jaxgen import data
from jaxgen.evaluation.features import Extractor, Features, dataset_batches, extract, sample_batches
from jaxgen.evaluation.scores import Scores, all_scores, mode_scores, require_enough
from jaxgen.step.state import PyTree

Sample = Callable[[PyTree, Array, int], Array]
OTHER = {"test": "train", "train": "test"}


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a score was measured: two scores compare only where all of this agrees.

    Attributes:
      extractor: the network, in words.
      sha256: of its weights.
      resize: how images came to its size.
      data: the data set.
      reference: the split of it that generated images are compared with.
      real: how many images of that split.
      generated: how many generated images.
      floor: the split, and how many images of it, that stand in for generated ones in the floor.
      ema: whether the generator's averaged parameters were used.
      seed: of the latents.
    """

    extractor: str
    sha256: str
    resize: str
    data: str
    reference: str
    real: int
    generated: int
    floor: str
    ema: bool
    seed: int


def real_features(extractor: Extractor, config: data.Config, split: str, count: int) -> Features:
    """Returns the features of up to `count` images of a split, as stored: neither flipped nor with noise."""
    dataset = data.load(dataclasses.replace(config, split=split, flip=False, dequantise=False))
    return extract(extractor, dataset_batches(dataset, min(count, len(dataset)), extractor.batch))


def with_modes(scores: Scores, extractor: Extractor, found: Features) -> Scores:
    """Returns the scores, with the coverage of modes where the extractor reads them."""
    return scores | (mode_scores(found.modes, extractor.modes) if extractor.modes else {})


def evaluate(
    extractor: Extractor,
    config: data.Config,
    sample: Sample,
    variables: PyTree,
    *,
    count: int = 10_000,
    reference: str = "test",
    seed: int = 0,
    ema: bool = True,
) -> dict[str, Any]:
    """Returns the scores of generated images, the floor and the protocol, as plain values.

    Args:
      extractor: the network that looks at them.
      config: the run's data.
      sample: the objective's.
      variables: of the generator.
      count: generated images, and at most as many real ones.
      reference: "test" or "train", the split to compare with.
      seed: of the latents.
      ema: whether the variables are averaged ones, for the protocol.
    Returns:
      {"scores", "floor", "protocol", "seconds"}.
    Raises:
      UsageError: if there are too few images.
    """
    begin = time.perf_counter()
    real = real_features(extractor, config, reference, count)
    require_enough(len(real.features), real.features.shape[1], f"{reference} ")
    require_enough(count, real.features.shape[1], "generated ")
    fake = extract(extractor, sample_batches(sample, variables, seed, count, extractor.batch))
    scores = with_modes(all_scores(real, fake, extractor.prefix), extractor, fake)
    seconds = time.perf_counter() - begin
    other = real_features(extractor, config, OTHER[reference], count)
    floor = with_modes(all_scores(real, other, extractor.prefix), extractor, other)
    protocol = Protocol(
        extractor=extractor.name,
        sha256=extractor.sha256,
        resize=extractor.resize,
        data=config.name,
        reference=reference,
        real=len(real.features),
        generated=count,
        floor=f"{len(other.features)} of {OTHER[reference]}",
        ema=ema,
        seed=seed,
    )
    return {"scores": scores, "floor": floor, "protocol": dataclasses.asdict(protocol), "seconds": round(seconds, 2)}


def as_text(found: dict[str, Any]) -> str:
    """Returns an evaluation as lines for a person: each score beside its floor, then the protocol."""
    lines = [f"{'':20} {'generated':>12} {'floor':>12}"]
    lines += [f"{name:20} {value:12.5g} {found['floor'][name]:12.5g}" for name, value in found["scores"].items()]
    lines += [f"{name:20} {value}" for name, value in found["protocol"].items()]
    return "\n".join([*lines, f"{'seconds':20} {found['seconds']} (without the floor)"])
