"""Distances between the features of real and of generated images, by name."""

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.evaluation.features import Features
from jaxgen.metrics import distribution

Scores = dict[str, float]

PRECISION_RECALL_NEIGHBOURS = 3
DENSITY_COVERAGE_NEIGHBOURS = 5
INCEPTION_SCORE_SPLITS = 10


def require_enough(count: int, features: int, what: str, asked: int, option: str) -> None:
    """Raises where a covariance of so many features cannot be estimated from so few images.

    Args:
      count: how many images there are.
      features: of each of them.
      what: which images they are, in words.
      asked: how many were asked for; where there are fewer, the data has no more.
      option: by which that number is set.
    """
    if count > features:
        return
    remedy = (
        f"raise {option} to at least {features + 1}"
        if asked <= features
        else f"{asked} were asked for and there are no more; choose an extractor with fewer features"
    )
    raise UsageError(f"{count} {what} images for {features} features: their covariance has no estimate; {remedy}")


def frechet(real: Features, fake: Features) -> float:
    """Returns the Fréchet distance of two sets of features, in float64 on the host."""
    return float(distribution.fid(real.features.astype(np.float64), fake.features.astype(np.float64)))


def all_scores(real: Features, fake: Features, prefix: str, modes: int = 0) -> Scores:
    """Returns every score of generated images against real ones.

    Args:
      real: features of the reference.
      fake: features of what is judged.
      prefix: "c" makes cfid, ckid and cinception_score of them; see `Extractor`.
      modes: how many modes of the data the extractor's classes are; 0: they are none.
    Returns:
      {"fid", "kid", "inception_score"} with the prefix, {"precision", "recall", "density", "coverage"} and, where there
      are modes, {"modes", "reverse_kl" (nats)}.
    """
    sets = real.features, fake.features
    precision, recall = distribution.precision_recall(*sets, neighbours=PRECISION_RECALL_NEIGHBOURS)
    density, coverage = distribution.density_coverage(*sets, neighbours=DENSITY_COVERAGE_NEIGHBOURS)
    inception_score, _ = distribution.inception_score(fake.probabilities, splits=INCEPTION_SCORE_SPLITS)
    scores = {
        f"{prefix}fid": frechet(real, fake),
        f"{prefix}kid": float(distribution.kid(*sets)),
        f"{prefix}inception_score": float(inception_score),
        "precision": float(precision),
        "recall": float(recall),
        "density": float(density),
        "coverage": float(coverage),
    }
    return scores | (mode_scores(fake.probabilities.argmax(-1), modes) if modes else {})


def mode_scores(labels: np.ndarray, modes: int) -> Scores:
    """Returns how many of the modes the generated images cover, and the reverse KL to their even share, nats."""
    covered, reverse_kl = distribution.mode_coverage(labels, modes)
    return {"modes": int(covered), "reverse_kl": float(reverse_kl)}
